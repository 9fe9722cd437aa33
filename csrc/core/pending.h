// Values that are computed when somebody looks at them.
#pragma once
#include <thread>

#include "core/storage.h"

namespace flambeau {

// Work that fills some storages and reads others. Touching any of them (Tensor::raw) does the work first, so that it
// stays unseen. All of this happens under the interpreter's lock, which is free while the work itself uses threads.
class Pending {
 public:
  Pending() = default;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  virtual ~Pending() = default;

  // The last owner of a storage that was to be filled has let go of it.
  virtual void forget(Storage& result) = 0;

 protected:
  // run() for a result that nobody will see.
  void finish_quietly() noexcept;
  // Afterwards no storage may know this any more; it is deleted then. After an error it is as before.
  virtual void run() = 0;
  bool running() const;

 private:
  void work();  // run() as this thread's
  friend void settle(Storage& storage);
  std::thread::id runner_;
  int process_ = 0;  // the runner's: a fork takes no other thread with it
};

}  // namespace flambeau
