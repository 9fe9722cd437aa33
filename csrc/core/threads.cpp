#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <new>
#include <string>
#include <thread>

namespace flambeau {

LockHooks lock_hooks;

namespace {

constexpr int kMaxThreads = 1024;
constexpr int kChunksPerThread = 4;  // enough for an early finisher to take over work, few enough to be cheap
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kSpinWaitingForHelpers = std::chrono::microseconds(200);

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Polls `ready` for at most `limit`; the clock is read rarely, it costs more than a poll.
template <class Ready>
bool spin_until(Ready ready, std::chrono::microseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// ------------------------------------------------------------------------------------------- how many cores

int affinity_count() {
#if defined(__linux__)
  for (int cpus = 1024; cpus <= (1 << 18); cpus *= 4) {  // a mask too small for the machine is an error
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (!set) break;
    const size_t bytes = CPU_ALLOC_SIZE(cpus);
    const bool ok = sched_getaffinity(0, bytes, set) == 0;
    const int count = ok ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (ok) return std::max(1, count);
  }
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// Cores that one cgroup folder grants, rounded up; a huge number where it sets no limit.
int quota_of(const std::string& folder) {
  double quota = -1, period = 100000;
  if (std::ifstream v2(folder + "/cpu.max"); v2) {
    std::string text;
    v2 >> text >> period;
    if (text != "max") quota = std::atof(text.c_str());
  } else if (std::ifstream v1(folder + "/cpu.cfs_quota_us"); v1) {
    v1 >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  if (quota <= 0 || period <= 0) return kMaxThreads;
  return std::max(1, int((quota + period - 1) / period));
}

// The tightest quota on the way from this process's cgroup to the root.
int cgroup_count() {
  int best = std::min(quota_of("/sys/fs/cgroup"), quota_of("/sys/fs/cgroup/cpu"));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1), mount = "/sys/fs/cgroup";
    if (!controllers.empty()) {
      if (("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
      mount += "/cpu";
    }
    while (path.size() > 1) {
      best = std::min(best, quota_of(mount + path));
      path.resize(path.rfind('/'));
    }
  }
  return best;
}

int default_threads() {
  int n = std::min(affinity_count(), cgroup_count());
  if (const char* text = std::getenv("OMP_NUM_THREADS"))
    if (const int wish = std::atoi(text); wish >= 1) n = wish;
  return std::clamp(n, 1, kMaxThreads);
}

std::atomic<int> wanted_threads{0};  // 0: not asked yet

// -------------------------------------------------------------------------------------------------- the pool

struct Job {
  FunctionRef<void(int64_t, int64_t)> body;
  int64_t n, chunk;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error = nullptr;

  void work() {
    for (;;) {
      const int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= n) return;
      try {
        body(begin, std::min(n, begin + chunk));
      } catch (...) {
        if (!failed.exchange(true)) error = std::current_exception();
        next.store(n, std::memory_order_relaxed);  // what has not begun is not needed any more
      }
    }
  }
};

thread_local bool in_region = false;

// Where a worker went to sleep. A thread wakes on the core where it slept; if that is the caller's by now, it would
// stand in line behind the caller instead of helping it.
struct Seat {
  std::atomic<int> core{-1};
  pthread_t thread{};

  // Before it is woken: away from `core`, if the caller may run on others.
  void leave(int busy_core) {
#if defined(__linux__)
    cpu_set_t cores;  // the kernel refuses this size where there are more than 1,024 cores: then nothing is done
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) < 2) return;
    CPU_CLR(busy_core, &cores);
    pthread_setaffinity_np(thread, sizeof cores, &cores);
#endif
    core.store(-1, std::memory_order_relaxed);
  }
};

int this_core() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// One job at a time. `state` holds the helper places still free (high half) and the helpers at work (low half):
// a helper enters by taking a place, so one that wakes late finds none and the caller never waits for it.
// All members are plain words and workers are detached: after a fork a fresh Pool simply takes this one's place,
// and at exit nothing is joined.
struct Pool {
  static constexpr int kPlace = 1 << 16;

  alignas(64) std::atomic<int> state{0};
  alignas(64) std::atomic<int> wakes{0};
  std::atomic<int> sleepers{0};
  alignas(64) std::atomic<bool> busy{false};
  std::atomic<bool> caller_sleeps{false};
  Job* job = nullptr;
  int workers = 0;
  std::atomic<int> seated{0};
  Seat seats[kMaxThreads];

  bool enter() {
    int now = state.load(std::memory_order_relaxed);
    while (now >= kPlace)
      if (state.compare_exchange_weak(now, now - kPlace + 1, std::memory_order_acquire)) return true;
    return false;
  }

  void leave() {
    if ((state.fetch_sub(1) & (kPlace - 1)) == 1 && caller_sleeps.load()) state.notify_all();
  }

  void serve() {
    in_region = true;
    Seat& seat = seats[seated.fetch_add(1)];
    seat.thread = pthread_self();
    for (;;) {
      const int seen = wakes.load();
      if (enter()) {
        job->work();
        leave();
      } else if (!spin_until([&] { return state.load(std::memory_order_relaxed) >= kPlace; }, kSpin)) {
        seat.core.store(this_core(), std::memory_order_release);
        sleepers.fetch_add(1);
        wakes.wait(seen);
        sleepers.fetch_sub(1);
        seat.core.store(-1, std::memory_order_relaxed);
      }
    }
  }

  static void* main(void* self) {
    static_cast<Pool*>(self)->serve();
    return nullptr;
  }

  // Starts workers up to `count`; fewer when the system refuses. Signals stay with the program's own threads.
  void grow(int count) {
    if (workers >= count) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; workers < count; ++workers)
      if (pthread_create(&thread, &attributes, main, this) != 0) break;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void wake(int count) {
    if (count == 0) return;
    if (const int here = this_core(); here >= 0)
      for (int i = 0, n = std::min(seated.load(), kMaxThreads); i < n; ++i)
        if (seats[i].core.load(std::memory_order_acquire) == here) seats[i].leave(here);
    for (; count > 0; --count) wakes.notify_one();
  }

  void run(Job& work, int helpers) {
    job = &work;
    state.store(helpers * kPlace);
    wakes.fetch_add(1);
    wake(std::min(helpers, sleepers.load()));
    in_region = true;
    work.work();
    in_region = false;
    int now = state.fetch_and(kPlace - 1) & (kPlace - 1);  // shut the door
    if (now == 0 || spin_until([&] { return state.load() == 0; }, kSpinWaitingForHelpers)) return;
    caller_sleeps.store(true);
    while ((now = state.load()) != 0) state.wait(now);
    caller_sleeps.store(false);
  }
};

alignas(Pool) unsigned char pool_memory[sizeof(Pool)];

void renew_pool() {
  new (pool_memory) Pool;
  in_region = false;
}

Pool& pool() {
  static const bool made = (renew_pool(), pthread_atfork(nullptr, nullptr, renew_pool), true);
  (void)made;
  return *std::launder(reinterpret_cast<Pool*>(pool_memory));
}

// ------------------------------------------------------------------------------------------------ scratch memory

struct Scratch {
  struct Slot {
    void* data = nullptr;
    int64_t bytes = 0;
  };
  static constexpr int kSlots = 20;
  Slot slots[kSlots];
  ~Scratch() {
    for (Slot& slot : slots) std::free(slot.data);
  }
};
thread_local Scratch scratch_slots;

}  // namespace

int num_threads() {
  int n = wanted_threads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = default_threads();
    int unset = 0;
    if (!wanted_threads.compare_exchange_strong(unset, n)) n = unset;
  }
  return n;
}

void set_num_threads(int n) { wanted_threads.store(std::clamp(n, 1, kMaxThreads)); }

bool in_parallel_region() { return in_region; }

void parallel_for(int64_t n, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t grains = n / grain + (n % grain != 0);
  const int threads = grains == 1 || in_region ? 1 : int(std::min<int64_t>(num_threads(), grains));
  if (threads == 1) return body(0, n);
  Pool& workers = pool();
  if (workers.busy.exchange(true)) return body(0, n);  // another thread of the program has the helpers
  workers.grow(threads - 1);
  const int64_t chunk = std::max<int64_t>(1, grains / (int64_t(threads) * kChunksPerThread)) * grain;
  Job job{body, n, chunk};
  void* token = lock_hooks.release ? lock_hooks.release() : nullptr;
  workers.run(job, std::min(workers.workers, threads - 1));
  workers.busy.store(false);
  if (token) lock_hooks.acquire(token);
  if (job.error) std::rethrow_exception(job.error);
}

void* scratch(int slot, int64_t bytes) {
  Scratch::Slot& have = scratch_slots.slots[slot];
  if (bytes > have.bytes) {
    // Large scratch is walked with large strides: huge pages spare it most address translation.
    const int64_t huge = int64_t(2) << 20, page = bytes >= huge / 2 ? huge : 4096;
    const int64_t rounded = (std::max(bytes, have.bytes + have.bytes / 2) + page - 1) & ~(page - 1);
    void* data = std::aligned_alloc(page, rounded);
    if (!data) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (page == huge) madvise(data, rounded, MADV_HUGEPAGE);
#endif
    std::free(have.data);
    have.data = data;
    have.bytes = rounded;
  }
  return have.data;
}

}  // namespace flambeau
