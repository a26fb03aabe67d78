#include "fake_driver/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace fake {
namespace {

constexpr unsigned char kRedZone = 0xFD, kPoison = 0xFF;
constexpr size_t kRedZoneBytes = 256;
constexpr size_t kAlignment = 16;  // what the kernels rely on; a real driver gives 256

size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

void* Memory::allocate(size_t bytes) {
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t data = (rounded + kRedZoneBytes + page() - 1) / page() * page();
  void* map =
      mmap(nullptr, data + page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  char* start = static_cast<char*>(map);
  mprotect(start + data, page(), PROT_NONE);
  char* memory = start + data - rounded;
  std::memset(memory - kRedZoneBytes, kRedZone, kRedZoneBytes);
  std::memset(memory, kPoison, bytes);
  std::memset(memory + bytes, kRedZone, rounded - bytes);
  blocks_[memory] = {start, data + page(), bytes};
  return memory;
}

std::string Memory::damage_of(const char* memory, const Block& block) const {
  const auto whole = [](const char* from, const char* to) {
    for (; from < to; ++from) {
      if (static_cast<unsigned char>(*from) != kRedZone) return false;
    }
    return true;
  };
  const std::string name = "an allocation of " + std::to_string(block.bytes) + " bytes";
  if (!whole(memory - kRedZoneBytes, memory)) return "something wrote before " + name;
  if (!whole(memory + block.bytes, block.map + block.mapped - page())) {
    return "something wrote past the end of " + name;
  }
  return "";
}

std::string Memory::release(void* memory) {
  const auto found = blocks_.find(static_cast<char*>(memory));
  if (found == blocks_.end()) return "memory is freed that was not allocated, or twice";
  const std::string damage = damage_of(found->first, found->second);
  munmap(found->second.map, found->second.mapped);
  blocks_.erase(found);
  return damage;
}

std::string Memory::damage() const {
  for (const auto& [memory, block] : blocks_) {
    const std::string damage = damage_of(memory, block);
    if (!damage.empty()) return damage;
  }
  return "";
}

bool Memory::holds(const void* memory, size_t bytes) const {
  const char* at = static_cast<const char*>(memory);
  auto after = blocks_.upper_bound(at);
  if (after == blocks_.begin()) return false;
  const auto& [start, block] = *--after;
  return at >= start && at + bytes <= start + block.bytes;
}

std::string Memory::guard_at(const void* address) const {
  const char* at = static_cast<const char*>(address);
  for (const auto& [memory, block] : blocks_) {
    const char* end = block.map + block.mapped;
    if (at >= end - page() && at < end) {
      return std::to_string(at - (memory + block.bytes)) +
             " bytes past the end of an allocation of " + std::to_string(block.bytes) + " bytes";
    }
  }
  return "";
}

}  // namespace fake
