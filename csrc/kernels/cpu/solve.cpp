// Triangular systems and LU factors, by blocks: within a block row by row, the rest as matrix products.
#include "core/kernels/solve.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t kBlock = 32;  // rows that are eliminated one by one
constexpr int64_t kStrip = 64;  // columns of the right-hand side that a task takes

template <class T>
struct Matrix {
  T* at;
  int64_t row, col;
  Matrix part(int64_t i, int64_t j) const { return {at + i * row + j * col, row, col}; }
};

template <class T>
constexpr DType dtype_of = std::is_same_v<T, float>                 ? DType::Float32
                           : std::is_same_v<T, double>              ? DType::Float64
                           : std::is_same_v<T, std::complex<float>> ? DType::Complex64
                                                                    : DType::Complex128;

// C -= A B with A m x k and B k x n; rows of C are contiguous.
template <class T>
void subtract_product(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, int64_t m, int64_t k, int64_t n) {
  if (m == 0 || k == 0 || n == 0) return;
  GemmArgs g;
  g.dtype = dtype_of<T>;
  g.m = m, g.n = n, g.k = k;
  g.a = a.at, g.a_row = a.row, g.a_col = a.col;
  g.b = b.at, g.b_row = b.row, g.b_col = b.col;
  const auto product = cpu_kernels().gemm.gemm[static_cast<int>(g.dtype)];
  if constexpr (std::is_floating_point_v<T>) {
    g.c = c.at, g.c_row = c.row;
    g.alpha = -1, g.beta = 1;
    product(g);
  } else {
    std::vector<T> buffer(m * n);
    g.c = buffer.data(), g.c_row = n;
    product(g);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) c.at[i * c.row + j] -= buffer[i * n + j];
  }
}

// One block of rows, columns [from, to) of the right-hand side.
template <class T>
void substitute_rows(Matrix<const T> a, int64_t n, Matrix<T> x, int64_t from, int64_t to, bool lower, bool unit) {
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = lower ? step : n - 1 - step;
    T* row = x.at + i * x.row;
    for (int64_t j = lower ? 0 : i + 1; j < (lower ? i : n); ++j) {
      const T factor = a.at[i * a.row + j * a.col];
      const T* other = x.at + j * x.row;
      for (int64_t c = from; c < to; ++c) row[c] -= factor * other[c];
    }
    if (unit) continue;
    const T pivot = a.at[i * a.row + i * a.col];
    for (int64_t c = from; c < to; ++c) row[c] /= pivot;
  }
}

template <class T>
void substitute(Matrix<const T> a, int64_t n, Matrix<T> x, int64_t k, bool lower, bool unit) {
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t first = (lower ? b : blocks - 1 - b) * kBlock, last = std::min(n, first + kBlock);
    const int64_t known = lower ? 0 : last, count = lower ? first : n - last;
    const Matrix<T> rows = x.part(first, 0), done = x.part(known, 0);
    subtract_product<T>(a.part(first, known), {done.at, done.row, done.col}, rows, last - first, count, k);
    const int64_t strips = (k + kStrip - 1) / kStrip;
    parallel_for(strips, 8, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        substitute_rows<T>(a.part(first, first), last - first, rows, s * kStrip, std::min(k, (s + 1) * kStrip), lower,
                           unit);
      }
    });
  }
}

template <class T>
double size_of(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::abs(x);
  } else {
    return std::abs(x.real()) + std::abs(x.imag());  // what LAPACK compares
  }
}

// Eliminates columns [first, last) of m x n; returns the position of the first zero pivot, or 0.
template <class T>
int32_t eliminate(T* a, int64_t m, int64_t n, int64_t first, int64_t last, int32_t* pivots) {
  int32_t info = 0;
  for (int64_t j = first; j < last; ++j) {
    int64_t row = j;
    double best = size_of(a[j * n + j]);
    for (int64_t i = j + 1; i < m && best == best; ++i) {
      const double size = size_of(a[i * n + j]);
      if (size > best || size != size) best = size, row = i;
    }
    pivots[j] = static_cast<int32_t>(row + 1);
    if (row != j) std::swap_ranges(a + j * n, a + (j + 1) * n, a + row * n);
    const T pivot = a[j * n + j];
    if (pivot == T(0)) {
      if (!info) info = static_cast<int32_t>(j + 1);
      continue;
    }
    const T* top = a + j * n;
    for (int64_t i = j + 1; i < m; ++i) {
      T* line = a + i * n;
      const T factor = line[j] / pivot;
      line[j] = factor;
      for (int64_t c = j + 1; c < last; ++c) line[c] -= factor * top[c];
    }
  }
  return info;
}

template <class T>
int32_t lu_one(T* a, int64_t m, int64_t n, int32_t* pivots) {
  const int64_t k = std::min(m, n);
  int32_t info = 0;
  for (int64_t first = 0; first < k; first += kBlock) {
    const int64_t last = std::min(k, first + kBlock);
    const int32_t found = eliminate(a, m, n, first, last, pivots);
    if (!info) info = found;
    const Matrix<T> whole{a, n, 1};
    const Matrix<const T> same{a, n, 1};
    substitute<T>(same.part(first, first), last - first, whole.part(first, last), n - last, true, true);
    subtract_product<T>(same.part(last, first), same.part(first, last), whole.part(last, last), m - last, last - first,
                        n - last);
  }
  return info;
}

template <class F>
void by_type(DType dtype, const char* op, F f) {
  switch (dtype) {
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    case DType::Complex64:
      return f(std::complex<float>{});
    case DType::Complex128:
      return f(std::complex<double>{});
    default:
      FL_FAIL(NotImplemented, op, "\"", op, "\" not implemented for '", info(dtype).title, "'");
  }
}

int64_t matrices_per_task(int64_t flops) {
  return std::max<int64_t>(1, (int64_t{1} << 17) / std::max<int64_t>(1, flops));
}

void lu(const LuArgs& args) {
  by_type(args.dtype, "lu", [&](auto zero) {
    using T = decltype(zero);
    const int64_t m = args.m, n = args.n, k = std::min(m, n);
    parallel_for(args.batch, matrices_per_task(m * n * k), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        args.info[i] = lu_one(static_cast<T*>(args.a) + i * m * n, m, n, args.pivots + i * k);
    });
  });
}

void triangular(const TriangularArgs& args) {
  by_type(args.dtype, "solve_triangular", [&](auto zero) {
    using T = decltype(zero);
    const int64_t n = args.n, k = args.k;
    parallel_for(args.batch, matrices_per_task(n * n * k), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        substitute<T>({static_cast<const T*>(args.a) + i * args.a_batch, args.a_row, args.a_col}, n,
                      {static_cast<T*>(args.x) + i * n * k, k, 1}, k, args.lower, args.unit);
      }
    });
  });
}

}  // namespace

void register_solve(Kernels& kernels) { kernels.solve = {lu, triangular}; }

}  // namespace flambeau::cpu::FL_ISA
