// The caching allocator: blocks go back to a list of their size class, so a steady program asks the system for nothing.
#pragma once
#include <cstdint>

namespace flambeau {

void* allocate(int64_t bytes);                // 64-byte aligned; null for 0; throws OutOfMemory
void deallocate(void* block, int64_t bytes);  // with the bytes it was asked for

struct MemoryStats {
  int64_t live = 0, peak = 0, cached = 0;           // bytes
  int64_t allocations = 0, system_allocations = 0;  // calls
  int64_t limit = 0;                                // bytes; 0 is none
};
MemoryStats& memory_stats();
void empty_cache();

}  // namespace flambeau
