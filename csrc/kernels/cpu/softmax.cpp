// softmax, log_softmax, logsumexp and cross entropy, forward and backward.
//
// With inner == 1 a row lies in memory as one run. Otherwise a tile of neighbouring columns is worked on together,
// narrow enough that its passes find it in the second-level cache.
#include "core/kernels/softmax.h"

#include "core/threads.h"
#include "kernels/cpu/floats.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/rows.h"

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int64_t kGrain = 16 << 10;  // elements of one task
constexpr int64_t kBlock = 1024;      // elements between exp and their addition: in L1
constexpr int64_t kColumns = 512;

// Calls rows(begin, end) for runs of outer indices, or columns(o, first, w) for every tile of neighbouring columns.
template <class Rows, class Columns>
void for_row_runs(int64_t outer, int64_t size, int64_t inner, Rows rows, Columns columns) {
  if (outer * inner == 0) return;
  const int64_t n = std::max<int64_t>(size, 1);
  if (inner == 1) {
    parallel_for(outer, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) { rows(begin, end); });
    return;
  }
  const int64_t width = std::clamp<int64_t>((64 << 10) / n / 16 * 16, 16, kColumns),
                tiles = (inner + width - 1) / width;
  const int64_t work = n * std::min(width, inner);
  parallel_for(outer * tiles, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t first = t % tiles * width;
      columns(t / tiles, first, std::min(width, inner - first));
    }
  });
}

// The same with row(o) for every outer index.
template <class Row, class Columns>
void for_rows(int64_t outer, int64_t size, int64_t inner, Row row, Columns columns) {
  auto rows = [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) row(o);
  };
  for_row_runs(outer, size, inner, rows, columns);
}

template <class T>
inline T row_max(const T* x, int64_t n) {
  T m = Lowest<T>::value;
  for (int64_t i = 0; i < n; i += kBlock * 4) {
    const T part = reduce_run<Max, T>(x + i, std::min(kBlock * 4, n - i), 0);
    m = part > m || part != part ? part : m;
  }
  return m;
}

// y = exp(x - shift)
template <class T>
inline void exp_run(const T* x, T* y, int64_t n, T shift) {
  math::map_run(y, n, [=](auto v) FL_ALWAYS { return math::exp_negative(v - decltype(v)(shift)); }, x);
}

// y = exp(x - max), and the sum of that. Without y only the sum.
template <class T>
inline double row_exp(const T* __restrict x, T* __restrict y, int64_t n, T max) {
  T block[kBlock];
  double sum = 0;
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t m = std::min(kBlock, n - i);
    T* __restrict to = y ? y + i : block;
    exp_run(x + i, to, m, max);
    sum += double(reduce_run<Sum, T>(to, m, 0));
  }
  return sum;
}

// A maximum of -inf is left out of logsumexp's difference: log(sum(exp(-inf))) is -inf, not NaN. One of inf is the
// result.
template <class T>
inline T row_logsumexp(const T* x, int64_t n, bool guard) {
  T max = row_max(x, n);
  if (guard && max == Highest<T>::value) return max;
  if (guard && max == Lowest<T>::value) max = 0;
  return max + T(std::log(row_exp<T>(x, nullptr, n, max)));
}

template <class T>
struct ColumnSums {
  T max[kColumns], sum[kColumns];
};

template <class T>
inline void column_max(const T* x, int64_t n, int64_t stride, int64_t w, T* __restrict max) {
  for (int64_t j = 0; j < w; ++j) max[j] = Lowest<T>::value;
  for (int64_t i = 0; i < n; ++i) {
    const T* __restrict row = x + i * stride;
    for (int64_t j = 0; j < w; ++j) max[j] = row[j] > max[j] || row[j] != row[j] ? row[j] : max[j];
  }
}

// max becomes the maximum, sum the sum of exp(x - max), and y, where there is one, exp(x - max).
template <class T>
void column_exp(const T* x, T* y, int64_t n, int64_t stride, int64_t w, ColumnSums<T>& c, bool guard) {
  T* __restrict max = c.max, * __restrict sum = c.sum;
  column_max(x, n, stride, w, max);
  for (int64_t j = 0; j < w; ++j) {
    if (guard && max[j] == Lowest<T>::value) max[j] = 0;
    sum[j] = 0;
  }
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + i * stride;
    T* to = y ? y + i * stride : nullptr;
    math::for_places<T>(w, [=](auto at) FL_ALWAYS {
      const auto e = math::exp_negative(at(row) - at(max));
      if (to) at.put(to, e);
      at.put(sum, at(sum) + e);
    });
  }
}

template <class T>
inline void softmax_row(const T* __restrict x, T* __restrict y, int64_t n, bool log) {
  const T max = row_max(x, n);
  const double sum = row_exp<T>(x, log ? nullptr : y, n, max);
  if (log) {
    const T log_sum = T(std::log(sum));
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] - max - log_sum;
  } else {
    const T scale = T(1 / sum);
    for (int64_t i = 0; i < n; ++i) y[i] *= scale;
  }
}

// Short rows, `count` of them, at most kBlock elements: exp runs over all of them, for its latency would show in each.
template <class T>
inline void softmax_short_rows(const T* __restrict x, T* __restrict y, int64_t n, int64_t count, bool log) {
  T exps[kBlock];
  for (int64_t r = 0; r < count; ++r) {
    const T max = row_max(x + r * n, n);
    for (int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = x[i] - max;
  }
  exp_run(y, exps, count * n, T(0));
  for (int64_t r = 0; r < count; ++r) {
    const T sum = T(reduce_run<Sum, T>(exps + r * n, n, 0));
    if (log) {
      const T log_sum = std::log(sum);
      for (int64_t i = r * n; i < (r + 1) * n; ++i) y[i] -= log_sum;
    } else {
      const T scale = 1 / sum;
      for (int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = exps[i] * scale;
    }
  }
}

template <class T>
void softmax_forward(const SoftmaxArgs& a) {
  const T* in = static_cast<const T*>(a.in);
  T* out = static_cast<T*>(a.out);
  const int64_t n = a.size, group = n > 0 ? kBlock / n : 1;
  auto rows = [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o += std::max<int64_t>(1, group)) {
      if (group > 1) {
        softmax_short_rows(in + o * n, out + o * n, n, std::min(group, end - o), a.log);
      } else {
        softmax_row(in + o * n, out + o * n, n, a.log);
      }
    }
  };
  auto columns = [&](int64_t o, int64_t first, int64_t w) {
    const T* x = in + o * n * a.inner + first;
    T* y = out + o * n * a.inner + first;
    ColumnSums<T> c;
    column_exp(x, a.log ? nullptr : y, n, a.inner, w, c, false);
    for (int64_t j = 0; j < w; ++j) c.sum[j] = a.log ? math::log(c.sum[j]) : 1 / c.sum[j];
    for (int64_t i = 0; i < n; ++i) {
      const T* __restrict from = x + i * a.inner;
      T* __restrict to = y + i * a.inner;
      if (a.log) {
        for (int64_t j = 0; j < w; ++j) to[j] = from[j] - c.max[j] - c.sum[j];
      } else {
        for (int64_t j = 0; j < w; ++j) to[j] *= c.sum[j];
      }
    }
  };
  for_row_runs(a.outer, n, a.inner, rows, columns);
}

// sum of a * b, or of a alone.
template <class T>
inline double dot_run(const T* __restrict a, const T* __restrict b, int64_t n) {
  T block[kBlock];
  double sum = 0;
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t m = std::min(kBlock, n - i);
    const T* part = a + i;
    if (b) {
      for (int64_t j = 0; j < m; ++j) block[j] = a[i + j] * b[i + j];
      part = block;
    }
    sum += double(reduce_run<Sum, T>(part, m, 0));
  }
  return sum;
}

template <class T>
void softmax_backward(const SoftmaxArgs& a) {
  const T *ys = static_cast<const T*>(a.in), *gs = static_cast<const T*>(a.grad);
  T* out = static_cast<T*>(a.out);
  const int64_t n = a.size;
  auto row = [&](int64_t o) {
    const T* __restrict y = ys + o * n, * __restrict g = gs + o * n;
    T* __restrict to = out + o * n;
    const T sum = T(dot_run<T>(g, a.log ? nullptr : y, n));
    if (a.log) {
      math::map_run(
          to, n, [=](auto u, auto v) FL_ALWAYS { return u - math::exp_negative(v) * decltype(v)(sum); }, g, y);
    } else {
      for (int64_t i = 0; i < n; ++i) to[i] = (g[i] - sum) * y[i];
    }
  };
  auto columns = [&](int64_t o, int64_t first, int64_t w) {
    const int64_t base = o * n * a.inner + first;
    T sum[kColumns];
    for (int64_t j = 0; j < w; ++j) sum[j] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T* __restrict y = ys + base + i * a.inner, * __restrict g = gs + base + i * a.inner;
      for (int64_t j = 0; j < w; ++j) sum[j] += a.log ? g[j] : g[j] * y[j];
    }
    for (int64_t i = 0; i < n; ++i) {
      const T* __restrict y = ys + base + i * a.inner, * __restrict g = gs + base + i * a.inner;
      T* __restrict to = out + base + i * a.inner;
      if (a.log) {
        math::map_run(to, w, [](auto u, auto v, auto s) FL_ALWAYS { return u - math::exp_negative(v) * s; }, g, y, sum);
      } else {
        for (int64_t j = 0; j < w; ++j) to[j] = (g[j] - sum[j]) * y[j];
      }
    }
  };
  for_rows(a.outer, n, a.inner, row, columns);
}

template <class T>
void logsumexp_of(const T* in, T* out, int64_t outer, int64_t n, int64_t inner, bool guard) {
  auto row = [&](int64_t o) { out[o] = row_logsumexp(in + o * n, n, guard); };
  auto columns = [&](int64_t o, int64_t first, int64_t w) {
    ColumnSums<T> c;
    column_exp<T>(in + o * n * inner + first, nullptr, n, inner, w, c, guard);
    T* to = out + o * inner + first;
    for (int64_t j = 0; j < w; ++j)
      to[j] = guard && c.max[j] == Highest<T>::value ? c.max[j] : c.max[j] + math::log(c.sum[j]);
  };
  for_rows(outer, n, inner, row, columns);
}

// ------------------------------------------------------------------------------------------------ cross entropy

template <class T>
double weight_sum(const CrossEntropyArgs& a) {
  const T* weight = static_cast<const T*>(a.weight);
  return weight ? dot_run<T>(weight, nullptr, a.size) : double(a.size);
}

// sum_c w[c] (x[c] - lse) of one position; only smoothing needs it.
template <class T>
double smooth_part(const T* x, int64_t n, int64_t stride, const T* weight, T lse) {
  double sum = 0;
  for (int64_t c = 0; c < n; ++c) {
    if (!weight || weight[c] != 0) sum += double(weight ? weight[c] : T(1)) * double(x[c * stride] - lse);
  }
  return sum;
}

template <class T>
void cross_entropy_forward(const CrossEntropyArgs& a) {
  const T *in = static_cast<const T*>(a.in), *weight = static_cast<const T*>(a.weight);
  T *lse = static_cast<T*>(a.logsumexp), *loss = static_cast<T*>(a.loss), *share = static_cast<T*>(a.share);
  const int64_t n = a.size, inner = a.inner;
  logsumexp_of<T>(in, lse, a.outer, n, inner, false);
  const int64_t grain = a.smoothing > 0 ? std::max<int64_t>(1, kGrain / n) : kGrain;
  parallel_for(a.outer * inner, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t t = a.target[i];
      if (t == a.ignore_index) {
        loss[i] = share[i] = 0;
        continue;
      }
      const T* x = in + i / inner * n * inner + i % inner;
      share[i] = weight ? weight[t] : T(1);
      loss[i] = -share[i] * (x[t * inner] - lse[i]);
      if (a.smoothing > 0) {
        const double rest = smooth_part(x, n, inner, weight, lse[i]);
        loss[i] = T((1 - a.smoothing) * loss[i] - a.smoothing / double(n) * rest);
      }
    }
  });
}

template <class T>
void cross_entropy_back(const CrossEntropyArgs& a) {
  const T *in = static_cast<const T*>(a.in), *weight = static_cast<const T*>(a.weight);
  const T *lse = static_cast<const T*>(a.logsumexp), *grad = static_cast<const T*>(a.grad);
  T* out = static_cast<T*>(a.grad_in);
  const int64_t n = a.size, inner = a.inner;
  const T divisor = a.divisor ? *static_cast<const T*>(a.divisor) : T(1);
  const T smooth = T(a.smoothing / double(n)), keep = T(1 - a.smoothing), total = T(weight_sum<T>(a));
  // What position i multiplies its probabilities with, and what its target's gradient loses.
  auto scales = [&](int64_t i, T& whole, T& at_target, T& at_all) {
    const int64_t t = a.target[i];
    const bool used = t != a.ignore_index;
    const T g = used ? grad[i * a.grad_stride] / divisor : T(0), w = used && weight ? weight[t] : T(1);
    at_target = g * keep * w;
    at_all = g * smooth;
    whole = at_target + at_all * total;
  };
  auto row = [&](int64_t o) {
    const T* __restrict x = in + o * n;
    T* __restrict to = out + o * n;
    const T log_sum = lse[o];
    T whole, at_target, at_all;
    scales(o, whole, at_target, at_all);
    if (a.target[o] == a.ignore_index) {
      for (int64_t c = 0; c < n; ++c) to[c] = 0;
      return;
    }
    math::map_run(
        to, n, [=](auto v) FL_ALWAYS { return math::exp_negative(v - decltype(v)(log_sum)) * decltype(v)(whole); }, x);
    if (a.smoothing > 0) {
      for (int64_t c = 0; c < n; ++c) to[c] -= at_all * (weight ? weight[c] : T(1));
    }
    to[a.target[o]] -= at_target;
  };
  auto columns = [&](int64_t o, int64_t first, int64_t w) {
    const int64_t base = o * n * inner + first, place = o * inner + first;
    T whole[kColumns], at_target[kColumns], at_all[kColumns];
    for (int64_t j = 0; j < w; ++j) scales(place + j, whole[j], at_target[j], at_all[j]);
    for (int64_t c = 0; c < n; ++c) {
      const T* __restrict x = in + base + c * inner, * __restrict log_sum = lse + place;
      T* __restrict to = out + base + c * inner;
      const T wc = weight ? weight[c] : T(1);
      for (int64_t j = 0; j < w; ++j) {
        const T p = math::exp_negative(x[j] - log_sum[j]) * whole[j] - at_all[j] * wc;
        to[j] = whole[j] == 0 && at_all[j] == 0 ? T(0) : p;
      }
    }
    for (int64_t j = 0; j < w; ++j) {
      if (a.target[place + j] != a.ignore_index) out[base + a.target[place + j] * inner + j] -= at_target[j];
    }
  };
  for_rows(a.outer, n, inner, row, columns);
}

}  // namespace

void softmax_forward(const SoftmaxArgs& a) {
  a.dtype == DType::Float32 ? softmax_forward<float>(a) : softmax_forward<double>(a);
}
void softmax_backward(const SoftmaxArgs& a) {
  a.dtype == DType::Float32 ? softmax_backward<float>(a) : softmax_backward<double>(a);
}
void logsumexp(const SoftmaxArgs& a) {
  auto run = [&](auto t) {
    using T = decltype(t);
    logsumexp_of<T>(static_cast<const T*>(a.in), static_cast<T*>(a.out), a.outer, a.size, a.inner, true);
  };
  a.dtype == DType::Float32 ? run(float{}) : run(double{});
}
void cross_entropy(const CrossEntropyArgs& a) {
  a.dtype == DType::Float32 ? cross_entropy_forward<float>(a) : cross_entropy_forward<double>(a);
}
void cross_entropy_backward(const CrossEntropyArgs& a) {
  a.dtype == DType::Float32 ? cross_entropy_back<float>(a) : cross_entropy_back<double>(a);
}

void register_softmax(Kernels& kernels) {
  kernels.softmax = {softmax_forward, softmax_backward, logsumexp, cross_entropy, cross_entropy_backward};
}

}  // namespace flambeau::cpu::FL_ISA
