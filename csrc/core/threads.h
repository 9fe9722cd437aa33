// The thread pool. Kernels split work with parallel_for; nothing else starts threads.
#pragma once
#include <cstdint>
#include <type_traits>

namespace flambeau {

// A borrowed callable: two words, no allocation. The callable must outlive the call.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, FunctionRef>>>
  FunctionRef(F&& f)
      : object_((void*)&f), call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(args...);
        }) {}
  R operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

// How many threads parallel_for may use, the caller included: by default the cores this process may
// run on (affinity mask and cgroup quota). set_num_threads takes any number >= 1.
int num_threads();
void set_num_threads(int n);

// Calls body(begin, end) so that the calls cover [0, n) once. Every begin is a multiple of `grain`, and
// how [0, n) is cut never shows in a result: a kernel that reduces does so per grain-sized chunk, in order.
// Work of one grain or less, and calls made inside a body, stay on the calling thread. While other
// threads work, the hooks below let the Python layer give up its lock.
// The first exception that a body throws is thrown again here, after all have ended.
void parallel_for(int64_t n, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

// True inside a body of parallel_for that runs on more than one thread.
bool in_parallel_region();

// Memory for temporaries of a kernel (64-byte aligned), kept per thread and grown as needed. A slot's
// memory stays valid until the same thread asks for the same slot again. Never shrinks; fork-safe.
void* scratch(int slot, int64_t bytes);

// Called around parallel_for's work (and by kernels around long single-threaded work): `release` gives up the
// interpreter lock and returns a token, `acquire` takes it back. Null by default.
struct LockHooks {
  void* (*release)() = nullptr;
  void (*acquire)(void*) = nullptr;
};
extern LockHooks lock_hooks;

}  // namespace flambeau
