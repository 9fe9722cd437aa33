// The bytes behind tensors, and the count of changes made to them.
#pragma once
#include <functional>
#include <memory>

#include "core/allocator.h"
#include "core/counted.h"
#include "core/device.h"

namespace flambeau {

// Where in the user's program something happened: a code object and an instruction, resolved only for an error text.
struct Location {
  void* code = nullptr;  // owned through location_hooks
  int instruction = 0;
};
struct LocationHooks {
  Location (*capture)() = nullptr;  // a new reference
  void (*release)(void* code) = nullptr;
  std::string (*describe)(const Location&) = nullptr;
};
extern LocationHooks location_hooks;

// Counts in-place changes. Tensors that share memory share it (the storage is it), except through `.data`.
class Version : public Counted {
 public:
  ~Version() override { forget(); }
  uint32_t value = 0;
  bool watched = false;              // a graph node has saved a tensor of it: remember who changes it
  const char* changed_by = nullptr;  // the op of the last change while watched
  Location changed_at;
  void bump(const char* op) {
    value++;
    if (watched) [[unlikely]]
      remember(op);
  }

 private:
  void remember(const char* op);
  void forget();
};

class Pending;
struct PackedForm;
struct PackedForms;

// Bytes, with their own count of changes.
class Storage final : public Version, public Pooled<Storage> {
 public:
  explicit Storage(int64_t bytes, Device device = {})
      : data(device.is_cpu() ? allocate(bytes) : nullptr), bytes(bytes), device(device) {}
  Storage(void* data, int64_t bytes, std::function<void()> deleter)
      : data(data), bytes(bytes), deleter(std::move(deleter)) {}
  ~Storage() override {
    if (pending) [[unlikely]]
      forget();
    if (deleter) {
      deleter();
    } else if (device.is_cpu()) {
      deallocate(data, bytes);
    }
  }
  void resize(int64_t wanted);  // keeps what is there

  void* data;  // null on meta
  int64_t bytes;
  Device device;
  std::function<void()> deleter;  // of foreign memory

  // Work to be done before anybody touches the bytes (pending.h).
  Pending* pending = nullptr;

  // Can nobody read or write the bytes but by way of tensors?
  bool only_ours() const { return device.is_cpu() && !deleter && !exports && !addressed; }
  // What kernels have made of these bytes (packing.h) holds as long as they are only ours and neither count of changes
  // moves.
  uint32_t exports = 0;         // arrays and capsules in the hands of others
  bool addressed = false;       // somebody knows where the bytes are, and nobody when that ends
  uint32_t unseen_changes = 0;  // that are not counted as the storage's: through `.data`, by an export
  std::shared_ptr<PackedForms> packed;

 private:
  void forget();
};

// Does what the storage waits for.
void settle(Storage& storage);

// The bytes in the hands of others, for as long as it lives.
class Export {
 public:
  explicit Export(Ref<Storage> storage) : storage_(std::move(storage)) { storage_->exports++; }
  ~Export() {
    storage_->exports--;
    storage_->unseen_changes++;
  }
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;

 private:
  Ref<Storage> storage_;
};

}  // namespace flambeau
