#include "decode/cuda_window.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sjd2 {
namespace {

// The host source must last until the stream has read it, so this waits: for a model's tables,
// which are loaded in a worker.
Buffer<float> upload(cuda::CudaDevice& device, const float* values, size_t count) {
  Buffer<float> buffer(device, count);
  if (count) device.copy_to_device(buffer.data(), values, count * sizeof(float));
  device.synchronize();
  return buffer;
}

// By way of pinned memory, which is lent out again when the stream has read it: nothing waits.
Buffer<float> send(cuda::CudaDevice& device, const float* values, size_t count) {
  Buffer<float> buffer(device, count);
  if (count == 0) return buffer;
  void* pinned = device.allocate_pinned(buffer.bytes());
  std::memcpy(pinned, values, buffer.bytes());
  device.copy_to_device(buffer.data(), pinned, buffer.bytes());
  device.release_pinned(pinned);
  return buffer;
}

}  // namespace

DeviceTable::DeviceTable(cuda::CudaDevice& device, const EmbeddingTable& host)
    : embedding_(upload(device, host.embedding, size_t(host.vocabulary) * host.hidden)),
      mean_(upload(device, host.mean, host.hidden)),
      std_(upload(device, host.std, host.hidden)),
      table_{embedding_.data(), mean_.data(), std_.data(), host.vocabulary, host.hidden} {}

CudaWindow::CudaWindow(cuda::CudaDevice& device, const DeviceTable& table, const WindowSpec& spec)
    : device_(device),
      table_(table.table()),
      slots_(spec.slots),
      steps_(spec.schedule.steps),
      model_(device) {
  const size_t slots = slots_, vocabulary = table_.vocabulary, hidden = table_.hidden;
  drafts_ = Buffer<int32_t>(device, slots);
  level_ = Buffer<int32_t>(device, slots);
  report_ = Buffer<int32_t>(device, kStatusWords + slots);
  kept_ = Buffer<uint8_t>(device, slots);
  verdicts_ = Buffer<cuda::Verdict>(device, slots);
  if (spec.noise) z_ = Buffer<float>(device, slots * hidden);
  if (spec.laws) {
    laws_ = Buffer<float>(device, slots * vocabulary);
    const std::vector<float> uniform(vocabulary, 1.0f / static_cast<float>(vocabulary));
    uniform_ = send(device, uniform.data(), vocabulary);
  }
  alpha_ = send(device, spec.schedule.alpha, steps_ + 1);
  sigma_ = send(device, spec.schedule.sigma, steps_ + 1);
  tau_ = send(device, spec.schedule.tau, size_t(steps_ + 1) * hidden);
  pinned_ = static_cast<int32_t*>(
      device.allocate_pinned((kStatusWords + slots + 2 * slots + 1) * sizeof(int32_t)));
  pinned_[kStatusWords + 3 * slots] = std::bit_cast<int32_t>(1.0f);
}

CudaWindow::~CudaWindow() {
  if (pinned_) device_.release_pinned(pinned_);
}

void CudaWindow::put(int32_t position, int32_t draft, int32_t level, InitialLaw law) {
  if (position != put_from_ + put_count_) {
    send_puts();
    put_from_ = position;
  }
  ++put_count_;
  // Each slot has a place of its own in pinned memory, since the copies run later.
  const int32_t slot = position % slots_;
  pinned_drafts()[slot] = draft;
  pinned_levels()[slot] = level;
  if (laws_.size()) fill_law(slot, draft, law);
}

// Neighbours go in one copy; the ring's end makes two of it.
void CudaWindow::send_puts() {
  for (int32_t sent = 0; sent < put_count_;) {
    const int32_t slot = (put_from_ + sent) % slots_;
    const int32_t count = std::min(put_count_ - sent, slots_ - slot);
    const size_t bytes = size_t(count) * sizeof(int32_t);
    device_.copy_to_device(drafts_.data() + slot, pinned_drafts() + slot, bytes);
    device_.copy_to_device(level_.data() + slot, pinned_levels() + slot, bytes);
    sent += count;
  }
  put_from_ += put_count_;
  put_count_ = 0;
}

void CudaWindow::enter(const Window& window, uint64_t seed) {
  send_puts();
  const Schedule schedule{alpha_.data(), sigma_.data(), tau_.data(), steps_};
  cuda::enter({window, seed, table_, schedule, drafts_.data(), level_.data(), z_.data()}, device_);
}

void CudaWindow::fill_law(int32_t slot, int32_t draft, InitialLaw law) {
  if (law == InitialLaw::None) return;
  float* row = laws_.data() + size_t(slot) * table_.vocabulary;
  if (law == InitialLaw::Uniform) {
    device_.copy_on_device(row, uniform_.data(), uniform_.bytes());
    return;
  }
  device_.clear(row, table_.vocabulary * sizeof(float));
  device_.copy_to_device(row + draft, pinned_ + kStatusWords + 3 * slots_, sizeof(float));
}

void CudaWindow::copy_inputs(float* to, const float* from, size_t floats) {
  device_.copy_to_device(to, from, floats * sizeof(float));
}

void CudaWindow::noise(NoiseArgs args) {
  send_puts();
  args.table = table_;
  args.schedule = {alpha_.data(), sigma_.data(), tau_.data(), steps_};
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.z = z_.data();
  cuda::noise(args, device_);
  model_.start();
}

VerifyResult CudaWindow::verify(VerifyArgs args, std::vector<int32_t>& tokens) {
  send_puts();
  model_.stop();
  args.vocabulary = table_.vocabulary;
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.laws = laws_.data();
  args.kept = kept_.data();
  cuda::VerifyMemory memory;
  memory.verdicts = verdicts_.data();
  memory.status = reinterpret_cast<cuda::Status*>(report_.data());
  memory.tokens = report_.data() + kStatusWords;
  memory.settle = level_.data();
  cuda::verify(args, memory, device_);
  const int32_t count = args.window.count;
  device_.copy_to_host(pinned_, report_.data(), (kStatusWords + size_t(count)) * sizeof(int32_t));
  device_.synchronize();
  tokens.assign(pinned_ + kStatusWords, pinned_ + kStatusWords + count);
  return {pinned_[0], pinned_[1], pinned_[2], static_cast<VerifyFault>(pinned_[3])};
}

void CudaWindow::refine(const Window& window) {
  if (!z_.size() || window.count == 0) return;
  RefineArgs args;
  args.window = window;
  args.table = table_;
  args.schedule = {alpha_.data(), sigma_.data(), tau_.data(), steps_};
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.z = z_.data();
  cuda::refine(args, device_);
}

std::vector<float> CudaWindow::probabilities(const Window& window, const int32_t* tokens) {
  std::vector<float> p(window.count);
  for (int32_t j = 0; j < window.count; ++j) {
    const float* law = laws_.data() + size_t(window.slot(j)) * table_.vocabulary;
    device_.copy_to_host(&p[j], law + tokens[j], sizeof(float));
  }
  device_.synchronize();
  return p;
}

WindowFactory cuda_windows(cuda::CudaDevice& device, const DeviceTable& table) {
  return [&](const WindowSpec& spec) { return std::make_unique<CudaWindow>(device, table, spec); };
}

}  // namespace sjd2
