// Device memory that shows mistakes. Each allocation ends at a guard page (so reads past the end
// crash), has a red zone before it and in the slack behind it, and starts as 0xFF bytes: floats
// read NaN, tokens -1. It is host memory, so the CPU execution provider can work on it.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace fake {

class Memory {
 public:
  void* allocate(size_t bytes);
  // What is wrong with the allocation, empty if nothing; frees it.
  std::string release(void* memory);
  // The first allocation whose red zone was written, in words; empty if all are whole.
  std::string damage() const;
  // Whether [memory, memory + bytes) lies inside one live allocation.
  bool holds(const void* memory, size_t bytes) const;
  // The allocation behind whose end the guard page holds `address`, in words.
  std::string guard_at(const void* address) const;
  size_t live() const { return blocks_.size(); }

 private:
  struct Block {
    char* map;
    size_t mapped, bytes;
  };
  std::string damage_of(const char* memory, const Block& block) const;
  std::map<const char*, Block> blocks_;
};

}  // namespace fake
