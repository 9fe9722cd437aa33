#include "core/pending.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "core/threads.h"

namespace flambeau {

namespace {

std::mutex done_mutex;
std::condition_variable done;

// Another thread is at it.
void wait_for_it() {
  void* token = lock_hooks.release ? lock_hooks.release() : nullptr;
  {
    std::unique_lock<std::mutex> lock(done_mutex);
    done.wait_for(lock, std::chrono::milliseconds(1));
  }
  if (token) lock_hooks.acquire(token);
}

}  // namespace

bool Pending::running() const { return runner_ != std::thread::id() && process_ == getpid(); }

void Pending::work() {
  runner_ = std::this_thread::get_id();
  process_ = getpid();
  try {
    run();
  } catch (...) {
    runner_ = {};
    done.notify_all();
    throw;
  }
}

void Pending::finish_quietly() noexcept {
  try {
    work();
  } catch (...) {  // there is nobody to tell
  }
  runner_ = {};
  done.notify_all();
}

void settle(Storage& storage) {
  // Whoever works in parallel has looked at its operands before.
  if (in_parallel_region()) return;
  while (Pending* pending = storage.pending) {
    if (pending->running()) {
      if (pending->runner_ == std::this_thread::get_id()) return;
      wait_for_it();
      continue;
    }
    pending->work();
    delete pending;
    done.notify_all();
  }
}

}  // namespace flambeau
