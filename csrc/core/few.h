// A list that is mostly short: up to N elements stay inside the object.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace flambeau {

template <class T, size_t N>
class Few {
 public:
  Few() = default;
  explicit Few(size_t n) { resize(n); }
  Few(const Few& o) { append(o); }
  Few(Few&& o) noexcept { take(o); }
  Few& operator=(const Few& o) {
    if (this != &o) {
      clear();
      append(o);
    }
    return *this;
  }
  Few& operator=(Few&& o) noexcept {
    if (this != &o) {
      drop();
      take(o);
    }
    return *this;
  }
  ~Few() { drop(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return heap_ ? heap_ : reinterpret_cast<T*>(inside_); }
  const T* data() const { return heap_ ? heap_ : reinterpret_cast<const T*>(inside_); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  void pop_back() { shorten(size_ - 1); }

  template <class... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == capacity_) [[unlikely]]
      grow(2 * capacity_);
    T* made = std::construct_at(data() + size_, std::forward<Args>(args)...);
    size_++;  // not before: the constructor may throw
    return *made;
  }
  void push_back(T value) { emplace_back(std::move(value)); }
  void reserve(size_t n) {
    if (n > capacity_) grow(n);
  }
  void resize(size_t n) {
    reserve(n);
    if (size_ > n) return shorten(n);
    std::uninitialized_value_construct_n(data() + size_, n - size_);
    size_ = static_cast<uint32_t>(n);
  }
  void clear() { shorten(0); }

 private:
  void append(const Few& o) {
    reserve(o.size_);
    for (const T& value : o) emplace_back(value);
  }
  void shorten(size_t n) {
    std::destroy(data() + n, data() + size_);
    size_ = static_cast<uint32_t>(n);
  }
  void grow(size_t n) {
    T* wider = std::allocator<T>().allocate(n);
    std::uninitialized_move_n(data(), size_, wider);
    std::destroy_n(data(), size_);
    if (heap_) std::allocator<T>().deallocate(heap_, capacity_);
    heap_ = wider;
    capacity_ = static_cast<uint32_t>(n);
  }
  void drop() {
    std::destroy_n(data(), size_);
    if (heap_) std::allocator<T>().deallocate(heap_, capacity_);
  }
  // Of an object without elements.
  void take(Few& o) {
    heap_ = std::exchange(o.heap_, nullptr);
    size_ = std::exchange(o.size_, 0);
    capacity_ = std::exchange(o.capacity_, N);
    if (heap_) return;
    T* from = reinterpret_cast<T*>(o.inside_);
    std::uninitialized_move_n(from, size_, reinterpret_cast<T*>(inside_));
    std::destroy_n(from, size_);
  }

  T* heap_ = nullptr;  // null: the elements are inside
  uint32_t size_ = 0, capacity_ = N;
  alignas(T) std::byte inside_[N * sizeof(T)];
};

}  // namespace flambeau
