#include "core/storage.h"

#include <cstring>

#include "core/errors.h"
#include "core/pending.h"

namespace flambeau {

PythonHooks python_hooks;
LocationHooks location_hooks;

void Version::remember(const char* op) {
  forget();
  changed_by = op;
  if (location_hooks.capture) changed_at = location_hooks.capture();
}

void Version::forget() {
  if (changed_at.code && location_hooks.release) location_hooks.release(changed_at.code);
  changed_at = {};
}

void Storage::forget() { pending->forget(*this); }

void Storage::resize(int64_t wanted) {
  settle(*this);
  if (wanted == bytes) return;
  FL_CHECK(!deleter, Runtime, "resize_",
           "Trying to resize storage that is not resizable: its memory belongs to another library");
  if (device.is_cpu()) {
    void* grown = allocate(wanted);
    if (data && grown) std::memcpy(grown, data, std::min(bytes, wanted));
    deallocate(data, bytes);
    data = grown;
  }
  bytes = wanted;
  unseen_changes++;
}

}  // namespace flambeau
