#include "core/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "core/errors.h"

namespace flambeau {

namespace {

#ifdef __SANITIZE_ADDRESS__
// Exact sizes and no reuse, so that the sanitizer sees every byte beyond a block.
constexpr bool kCaching = false;
#else
constexpr bool kCaching = true;
#endif

constexpr int64_t kHuge = int64_t{2} << 20;    // the page size asked for beyond kMapped
constexpr int64_t kMapped = int64_t{4} << 20;  // from here on blocks are mapped on their own
constexpr int64_t kAlwaysCached = int64_t{64} << 20;

// Classes: multiples of 64 bytes up to 512, then four steps per power of two.
int class_of(int64_t bytes) {
  if (bytes <= 512) return static_cast<int>((bytes + 63) / 64);
  int power = 63 - std::countl_zero(static_cast<uint64_t>(bytes - 1));
  int step = static_cast<int>((bytes - 1) >> (power - 2)) & 3;
  return 9 + (power - 9) * 4 + step;
}

int64_t class_size(int index) {
  if (index <= 8) return index * 64;
  int power = (index - 9) / 4 + 9, step = (index - 9) % 4;
  return (int64_t{5} + step) << (power - 2);
}

// Held for a few instructions, or while the system is asked.
class SpinLock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_ = ATOMIC_FLAG_INIT;
};

struct Cache {
  SpinLock mutex;
  std::vector<void*> free[256];
  MemoryStats stats;
};
// Never destroyed: tensors may outlive static destruction.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

void* from_system(int64_t size) {
  if (size < kMapped || !kCaching) {
    void* block = nullptr;
    return posix_memalign(&block, 64, size) ? nullptr : block;
  }
  // Aligned to a huge page, so that the kernel can back the block with them.
  int64_t padded = size + kHuge;
  void* raw = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto begin = reinterpret_cast<uintptr_t>(raw);
  uintptr_t aligned = (begin + kHuge - 1) & ~static_cast<uintptr_t>(kHuge - 1);
  if (aligned > begin) munmap(raw, aligned - begin);
  uintptr_t end = begin + padded, wanted = aligned + ((size + 4095) & ~int64_t{4095});
  if (end > wanted) munmap(reinterpret_cast<void*>(wanted), end - wanted);
  madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

void to_system(void* block, int64_t size) {
  if (size < kMapped || !kCaching) {
    std::free(block);
  } else {
    munmap(block, (size + 4095) & ~int64_t{4095});
  }
}

int64_t physical_memory() {
  static int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return bytes;
}

// Gives blocks back, largest first, until at most `keep` bytes are cached.
void trim(Cache& c, int64_t keep) {
  for (int index = 255; index > 0 && c.stats.cached > keep; index--) {
    while (!c.free[index].empty() && c.stats.cached > keep) {
      to_system(c.free[index].back(), class_size(index));
      c.free[index].pop_back();
      c.stats.cached -= class_size(index);
    }
  }
}

[[noreturn]] void out_of_memory(const Cache& c, int64_t bytes) {
  FL_FAIL(OutOfMemory, "allocate", "can't allocate memory: you tried to allocate ", bytes, " bytes; ", c.stats.live,
          " bytes are live, ", c.stats.peak, " at the peak, limit ", c.stats.limit ? c.stats.limit : physical_memory(),
          ". Use smaller tensors or batches");
}

}  // namespace

void* allocate(int64_t bytes) {
  if (bytes <= 0) return nullptr;
  Cache& c = cache();
  if (bytes > physical_memory()) out_of_memory(c, bytes);
  int index = class_of(bytes);
  int64_t size = kCaching ? class_size(index) : bytes;
  std::lock_guard lock(c.mutex);
  if (c.stats.limit && c.stats.live + bytes > c.stats.limit) out_of_memory(c, bytes);
  void* block;
  if (!c.free[index].empty()) {
    block = c.free[index].back();
    c.free[index].pop_back();
    c.stats.cached -= size;
  } else {
    block = from_system(size);
    if (!block) {
      trim(c, 0);
      block = from_system(size);
    }
    if (!block) out_of_memory(c, bytes);
    c.stats.system_allocations++;
  }
  c.stats.allocations++;
  c.stats.live += size;
  if (c.stats.live > c.stats.peak) c.stats.peak = c.stats.live;
  return block;
}

void deallocate(void* block, int64_t bytes) {
  if (!block) return;
  Cache& c = cache();
  int index = class_of(bytes);
  int64_t size = kCaching ? class_size(index) : bytes;
  std::lock_guard lock(c.mutex);
  if (!kCaching) {
    c.stats.live -= size;
    return to_system(block, size);
  }
  c.free[index].push_back(block);
  c.stats.live -= size;
  c.stats.cached += size;
  // What is held beyond a quarter over the peak cannot come from a steady program.
  int64_t keep = std::max(kAlwaysCached, c.stats.peak + c.stats.peak / 4 - c.stats.live);
  if (c.stats.cached > keep) trim(c, keep);
}

MemoryStats& memory_stats() { return cache().stats; }

void empty_cache() {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  trim(c, 0);
}

}  // namespace flambeau
