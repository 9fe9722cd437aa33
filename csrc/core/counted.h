// Reference counts. Tensors, storages and graph nodes are only touched while the interpreter lock is held
// (kernels see raw pointers), so the counts are plain integers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace flambeau {

// What a Python object needs of the interpreter; set by the bindings.
struct PythonHooks {
  void (*incref)(void*) = nullptr;
  void (*decref)(void*) = nullptr;
};
extern PythonHooks python_hooks;

// An object that has been shown to Python is counted by its Python object, so that both live and die together.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  virtual ~Counted() = default;

  void retain() {
    if (python_) [[unlikely]] {
      python_hooks.incref(python_);
    } else {
      count_++;
    }
  }
  void release() {
    if (python_) [[unlikely]] {
      python_hooks.decref(python_);
    } else if (--count_ == 0) {
      dispose();
    }
  }
  // How many owners there are, while Python has not seen it.
  int64_t owners() const { return count_; }
  void* python() const { return python_; }
  // From now on `object` (which calls dispose() when it dies) counts; it has been given one reference by its maker.
  void bind_python(void* object) {
    for (int64_t i = 0; i < count_; i++) python_hooks.incref(object);
    python_ = object;
  }
  virtual void dispose() { delete this; }

 private:
  int64_t count_ = 0;
  void* python_ = nullptr;
};

// Objects that every op makes come from a list of freed ones of their class.
template <class T>
class Pooled {
 public:
  static void* operator new(size_t bytes) {
    if (!free_) return ::operator new(bytes);
    Slot* slot = free_;
    free_ = slot->next;
    count_--;
    return slot;
  }
  static void operator delete(void* p) {
    if (count_ >= 4096) return ::operator delete(p);
    auto* slot = static_cast<Slot*>(p);
    slot->next = free_;
    free_ = slot;
    count_++;
  }

 private:
  struct Slot {
    Slot* next;
  };
  static inline Slot* free_ = nullptr;
  static inline int count_ = 0;
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  Ref(T* p) : p_(p) {
    if (p_) p_->retain();
  }
  Ref(const Ref& o) : Ref(o.p_) {}
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Ref& operator=(const Ref& o) {
    Ref copy(o);
    std::swap(p_, copy.p_);
    return *this;
  }
  Ref& operator=(Ref&& o) noexcept {
    Ref moved(std::move(o));
    std::swap(p_, moved.p_);
    return *this;
  }
  ~Ref() {
    if (p_) p_->release();
  }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool operator==(const Ref& o) const { return p_ == o.p_; }

 private:
  T* p_ = nullptr;
};

}  // namespace flambeau
