#include "decode/host_placement.h"

#include <cstring>

#include "decode/host_window.h"
#include "kernels/cpu/cpu.h"

namespace sjd2 {

WindowFactory HostPlacement::windows() { return host_windows(cpu::kernels); }

ort::ValueHandle HostPlacement::tensor(const ort::Graph& graph, void* data, size_t bytes,
                                       const std::vector<int64_t>& shape, int element) const {
  const ort::Library& library = graph.library();
  return ort::borrow_tensor(library, library.cpu_memory(), data, bytes, shape, element);
}

void HostPlacement::bind_rows(ort::Binding& binding, const std::string& name,
                              ort::ValueHandle rows) const {
  binding.input(name, std::move(rows));
}

std::unique_ptr<RunNumbers> HostPlacement::numbers(const ort::Graph& graph, const std::string&,
                                                   size_t bytes) {
  return std::make_unique<HostNumbers>(graph, false, bytes);
}

void HostPlacement::upload(void* device, const void* host, size_t bytes) {
  std::memcpy(device, host, bytes);
}

void HostPlacement::download(void* host, const void* device, size_t bytes) {
  std::memcpy(host, device, bytes);
}

HostNumbers::HostNumbers(const ort::Graph& graph, bool staged, size_t bytes)
    : library_(graph.library()), staged_(staged), values_(sjd2::host(), bytes) {}

void HostNumbers::bind(ort::Binding& binding, const std::string& name,
                       const std::vector<int64_t>& shape, int element) const {
  ort::ValueHandle value = ort::borrow_tensor(library_, library_.cpu_memory(), values_.data(),
                                              values_.bytes(), shape, element);
  if (staged_) {
    binding.staged_input(name, std::move(value));
  } else {
    binding.input(name, std::move(value));
  }
}

OwnedTensor Placement::cache_tensor(const ort::Graph& graph, size_t bytes,
                                    const std::vector<int64_t>& shape, int element) {
  OwnedTensor result{Buffer<std::byte>(device(), bytes), {}};
  result.value = tensor(graph, result.memory.data(), bytes, shape, element);
  return result;
}

std::unique_ptr<Placement> host_placement() { return std::make_unique<HostPlacement>(); }

}  // namespace sjd2
