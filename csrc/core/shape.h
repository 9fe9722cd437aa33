// Sizes and strides.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <span>

#include "core/errors.h"

namespace flambeau {

using DimsRef = std::span<const int64_t>;

// A short list of int64: up to six stay inside the object.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> v) { assign(v.begin(), v.size()); }
  Dims(DimsRef v) { assign(v.data(), v.size()); }
  explicit Dims(int64_t n, int64_t value) {
    reserve(n);
    std::fill_n(data(), n, value);
    size_ = static_cast<int32_t>(n);
  }
  Dims(const Dims& o) {
    if (o.capacity_ == kInline) {
      copy_inline(o);
    } else {
      assign(o.data(), o.size_);
    }
  }
  Dims(Dims&& o) noexcept { steal(o); }
  Dims& operator=(const Dims& o) {
    if (this != &o) assign(o.data(), o.size_);
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      if (capacity_ > kInline) delete[] heap_;
      steal(o);
    }
    return *this;
  }
  ~Dims() {
    if (capacity_ > kInline) delete[] heap_;
  }

  int64_t* data() { return capacity_ > kInline ? heap_ : inline_; }
  const int64_t* data() const { return capacity_ > kInline ? heap_ : inline_; }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t& operator[](int64_t i) { return data()[i]; }
  int64_t operator[](int64_t i) const { return data()[i]; }
  int64_t* begin() { return data(); }
  int64_t* end() { return data() + size_; }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + size_; }
  int64_t back() const { return data()[size_ - 1]; }
  operator DimsRef() const { return {data(), static_cast<size_t>(size_)}; }

  void push_back(int64_t v) {
    reserve(size_ + 1);
    data()[size_++] = v;
  }
  void insert(int64_t at, int64_t v) {
    push_back(v);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(int64_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    size_--;
  }
  void resize(int64_t n, int64_t value = 0) {
    reserve(n);
    for (int64_t i = size_; i < n; i++) data()[i] = value;
    size_ = static_cast<int32_t>(n);
  }
  void clear() { size_ = 0; }
  bool operator==(const Dims& o) const {
    if (size_ != o.size_) return false;
    const int64_t *a = data(), *b = o.data();
    for (int32_t i = 0; i < size_; i++)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  static constexpr int kInline = 6;
  void copy_inline(const Dims& o) {  // all of it: a fixed number of moves
    size_ = o.size_;
    for (int i = 0; i < kInline; i++) inline_[i] = o.inline_[i];
  }
  void reserve(int64_t n) {
    if (n <= capacity_) return;
    int64_t wanted = std::max<int64_t>(n, 2 * capacity_);
    auto* grown = new int64_t[wanted];
    std::copy_n(data(), size_, grown);
    if (capacity_ > kInline) delete[] heap_;
    heap_ = grown;
    capacity_ = static_cast<int32_t>(wanted);
  }
  void assign(const int64_t* from, int64_t n) {
    reserve(n);
    std::copy_n(from, n, data());
    size_ = static_cast<int32_t>(n);
  }
  void steal(Dims& o) {
    capacity_ = o.capacity_;
    if (o.capacity_ > kInline) {
      size_ = o.size_;
      heap_ = o.heap_;
    } else {
      copy_inline(o);
    }
    o.size_ = 0;
    o.capacity_ = kInline;
  }

  int32_t size_ = 0, capacity_ = kInline;
  union {
    int64_t inline_[kInline] = {};
    int64_t* heap_;
  };
};

inline std::ostream& operator<<(std::ostream& out, const Dims& dims) { return out << DimsRef(dims); }
inline bool same(DimsRef a, DimsRef b) { return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin()); }

// The number of elements; throws if it (or its bytes) would overflow.
int64_t count(DimsRef shape);
Dims contiguous_strides(DimsRef shape);
Dims channels_last_strides(DimsRef shape);  // of 4 or 5 dimensions
bool is_contiguous(DimsRef shape, DimsRef strides);
bool is_dense(DimsRef shape, DimsRef strides);  // some permutation of a contiguous layout

// dim in [-ndim, ndim) -> [0, ndim); a 0-dim tensor has the dims -1 and 0. IndexError otherwise.
int64_t wrap_dim(int64_t dim, int64_t ndim, const char* op);
// As a bit set, duplicates refused; an empty list means all.
uint64_t dims_mask(DimsRef dims, int64_t ndim, const char* op);

Dims broadcast_shapes(DimsRef a, DimsRef b, const char* op);
// The strides of a tensor seen as a larger shape: 0 along what is repeated.
Dims broadcast_strides(DimsRef shape, DimsRef strides, DimsRef wanted);

}  // namespace flambeau
