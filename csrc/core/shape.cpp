#include "core/shape.h"

#include <numeric>

namespace flambeau {

int64_t count(DimsRef shape) {
  int64_t n = 1;
  bool overflow = false, zero = false;
  for (int64_t d : shape) {
    FL_CHECK(d >= 0, Runtime, "shape", "sizes must not be negative, got ", shape);
    zero |= d == 0;
    overflow |= __builtin_mul_overflow(n, d, &n);
  }
  if (zero) return 0;
  FL_CHECK(!overflow && n < (int64_t{1} << 58), Runtime, "shape",
           "Storage size calculation overflowed with sizes=", shape);
  return n;
}

Dims contiguous_strides(DimsRef shape) {
  Dims strides(static_cast<int64_t>(shape.size()), 1);
  int64_t step = 1;
  for (int64_t i = static_cast<int64_t>(shape.size()) - 1; i >= 0; i--) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

Dims channels_last_strides(DimsRef shape) {
  int64_t n = static_cast<int64_t>(shape.size());
  Dims strides(n, 1);
  strides[1] = 1;
  int64_t step = std::max<int64_t>(shape[1], 1);
  for (int64_t i = n - 1; i >= 2; i--) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  strides[0] = step;
  return strides;
}

bool is_contiguous(DimsRef shape, DimsRef strides) {
  int64_t step = 1;
  for (int64_t i = static_cast<int64_t>(shape.size()) - 1; i >= 0; i--) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1) {
      if (strides[i] != step) return false;
      step *= shape[i];
    }
  }
  return true;
}

bool is_dense(DimsRef shape, DimsRef strides) {
  int64_t n = static_cast<int64_t>(shape.size());
  Dims order(n, 0);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    if (shape[a] == 1 || shape[b] == 1) return shape[b] == 1 && shape[a] != 1;
    return strides[a] < strides[b];
  });
  int64_t step = 1;
  for (int64_t i : order) {
    if (shape[i] == 1) continue;
    if (shape[i] == 0) return true;
    if (strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

int64_t wrap_dim(int64_t dim, int64_t ndim, const char* op) {
  int64_t n = std::max<int64_t>(ndim, 1);
  if (dim < -n || dim >= n) [[unlikely]] {
    FL_FAIL(Index, op, "Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", dim,
            ")");
  }
  return dim < 0 ? dim + n : dim;
}

uint64_t dims_mask(DimsRef dims, int64_t ndim, const char* op) {
  uint64_t mask = 0;
  if (dims.empty()) return ndim >= 64 ? ~uint64_t{0} : (uint64_t{1} << ndim) - 1;
  for (int64_t d : dims) {
    uint64_t bit = uint64_t{1} << wrap_dim(d, ndim, op);
    FL_CHECK(!(mask & bit), Runtime, op, "dim ", d, " appears multiple times in the list of dims ", dims);
    mask |= bit;
  }
  return mask;
}

Dims broadcast_shapes(DimsRef a, DimsRef b, const char* op) {
  int64_t na = static_cast<int64_t>(a.size()), nb = static_cast<int64_t>(b.size());
  int64_t n = std::max(na, nb);
  Dims out(n, 1);
  for (int64_t i = 0; i < n; i++) {
    int64_t x = i < n - na ? 1 : a[i - (n - na)], y = i < n - nb ? 1 : b[i - (n - nb)];
    if (x != y && x != 1 && y != 1) [[unlikely]] {
      FL_FAIL(Shape, op, "The size of tensor a (", x, ") must match the size of tensor b (", y,
              ") at non-singleton dimension ", i, ": shapes ", a, " and ", b);
    }
    out[i] = x == 1 ? y : x;
  }
  return out;
}

Dims broadcast_strides(DimsRef shape, DimsRef strides, DimsRef wanted) {
  int64_t lead = static_cast<int64_t>(wanted.size() - shape.size());
  Dims out(static_cast<int64_t>(wanted.size()), 0);
  for (int64_t i = 0; i < static_cast<int64_t>(shape.size()); i++)
    out[lead + i] = shape[i] == 1 && wanted[lead + i] != 1 ? 0 : strides[i];
  return out;
}

}  // namespace flambeau
