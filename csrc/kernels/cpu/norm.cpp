// layer_norm, rms_norm, group_norm and batch_norm, forward and backward.
#include "core/kernels/norm.h"

#include "core/kernels/reduce.h"
#include "core/threads.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/rows.h"

namespace flambeau::cpu::FL_ISA {

void reduce(const ReduceArgs& args);

namespace {

constexpr int64_t kGrain = 16 << 10;  // elements of one task

enum Slot { kPartial, kWide };

inline int64_t grain_of(int64_t work) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)); }

// y = (x - mean) * scale * weight + bias, element by element; weight and bias may be null.
template <class T>
inline void affine_row(const T* __restrict x, T* __restrict y, int64_t n, T mean, T scale, const T* __restrict weight,
                       const T* __restrict bias) {
  if (weight && bias) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
  } else if (weight) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale * weight[i];
  } else if (bias) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale + bias[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale;
  }
}

// y = (x - mean) * scale + shift with one number each.
template <class T>
inline void affine_run(const T* __restrict x, T* __restrict y, int64_t n, T mean, T scale, T shift) {
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale + shift;
}

// dx = dy * a + (x - mean) * b + c with one number each.
template <class T>
inline void back_run(const T* __restrict x, const T* __restrict g, T* __restrict to, int64_t n, T mean, T a, T b, T c) {
  for (int64_t i = 0; i < n; ++i) to[i] = g[i] * a + ((x[i] - mean) * b + c);
}

// Sums of dy and of dy * (x - mean).
template <class T>
inline void back_sums(const T* x, const T* g, int64_t n, T mean, double* s) {
  sums_of<2, T>(n, s, [=](int64_t i, auto load, Vec<T>* t) {
    const Vec<T> gi = load(g + i, T(0));
    t[0] += gi;
    t[1] += gi * (load(x + i, mean) - mean);
  });
}

template <class T>
T element(const void* values, int64_t i, T otherwise) {
  return values ? static_cast<const T*>(values)[i] : otherwise;
}

// --------------------------------------------------------------------------------------------------- layer norm

template <class T>
void layer_norm_forward(const LayerNormArgs& a) {
  const T *in = static_cast<const T*>(a.in), *weight = static_cast<const T*>(a.weight);
  const T* bias = static_cast<const T*>(a.bias);
  T *out = static_cast<T*>(a.out), *means = static_cast<T*>(a.mean), *rstds = static_cast<T*>(a.rstd);
  const int64_t n = a.size;
  parallel_for(a.rows, grain_of(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* x = in + r * n;
      T mean = 0;
      double square;
      if (a.rms) {
        square = reduce_run<SquareSum, T>(x, n, 0) / double(n);
      } else {
        const Spread s = spread_of(x, n);
        mean = means[r] = T(s.mean);
        square = s.m2 / double(n);
      }
      const T rstd = rstds[r] = T(1 / std::sqrt(square + a.eps));
      affine_row(x, out + r * n, n, mean, rstd, weight, bias);
    }
  });
}

// One row's gradient: g is dy * weight, centered and freed of its component along the normalized row.
template <class T>
inline void layer_norm_row_back(const T* x, const T* g, const T* w, T* to, int64_t n, T mean, T rstd, bool rms) {
  double s[2];
  if (w) {
    sums_of<2, T>(n, s, [=](int64_t i, auto load, Vec<T>* t) {
      const Vec<T> gi = load(g + i, T(0)) * load(w + i, T(0));
      t[0] += gi;
      t[1] += gi * (load(x + i, mean) - mean);
    });
  } else {
    back_sums(x, g, n, mean, s);
  }
  const T shift = rms ? T(0) : T(s[0] / double(n)), along = T(s[1] * double(rstd) * double(rstd) / double(n));
  if (w) {
    for (int64_t i = 0; i < n; ++i) to[i] = rstd * (g[i] * w[i] - shift - (x[i] - mean) * along);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = rstd * (g[i] - shift - (x[i] - mean) * along);
  }
}

// to[c] = sum over parts of from[part][c], in order.
template <class T>
void add_parts(const T* from, int64_t parts, int64_t stride, int64_t n, void* to) {
  if (!to) return;
  double* sum = static_cast<double*>(scratch(kWide, n * int64_t(sizeof(double))));
  std::fill_n(sum, n, 0.0);
  for (int64_t k = 0; k < parts; ++k) {
    for (int64_t i = 0; i < n; ++i) sum[i] += double(from[k * stride + i]);
  }
  for (int64_t i = 0; i < n; ++i) static_cast<T*>(to)[i] = T(sum[i]);
}

template <class T>
void layer_norm_back(const LayerNormArgs& a) {
  const T *in = static_cast<const T*>(a.in), *grad = static_cast<const T*>(a.grad);
  const T *weight = static_cast<const T*>(a.weight), *rstds = static_cast<const T*>(a.rstd);
  T* out = static_cast<T*>(a.grad_in);
  const int64_t n = a.size, chunk = std::max<int64_t>(32, grain_of(n)), chunks = (a.rows + chunk - 1) / chunk;
  const bool affine = a.grad_weight || a.grad_bias;
  T* parts = affine ? static_cast<T*>(scratch(kPartial, chunks * 2 * n * int64_t(sizeof(T)))) : nullptr;
  parallel_for(a.rows, chunk, [&](int64_t begin, int64_t end) {
    T* __restrict dw = nullptr, * __restrict db = nullptr;
    for (int64_t r = begin; r < end; ++r) {
      if (affine && r % chunk == 0) {
        dw = parts + r / chunk * 2 * n;
        db = dw + n;
        std::fill_n(dw, 2 * n, T(0));
      }
      const T* __restrict x = in + r * n, * __restrict g = grad + r * n;
      const T mean = element<T>(a.mean, r, 0), rstd = rstds[r];
      if (out) layer_norm_row_back(x, g, weight, out + r * n, n, mean, rstd, a.rms);
      if (a.grad_weight) {
        for (int64_t i = 0; i < n; ++i) dw[i] += g[i] * ((x[i] - mean) * rstd);
      }
      if (a.grad_bias) {
        for (int64_t i = 0; i < n; ++i) db[i] += g[i];
      }
    }
  });
  if (!affine) return;
  add_parts(parts, chunks, 2 * n, n, a.grad_weight);
  add_parts(parts + n, chunks, 2 * n, n, a.grad_bias);
}

// --------------------------------------------------------------------------------------------------- group norm

template <class T>
void group_norm_forward(const GroupNormArgs& a) {
  const T* in = static_cast<const T*>(a.in);
  T *out = static_cast<T*>(a.out), *means = static_cast<T*>(a.mean), *rstds = static_cast<T*>(a.rstd);
  const int64_t members = a.channels / a.groups, n = members * a.size;
  parallel_for(a.batch * a.groups, grain_of(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const Spread s = spread_of(in + r * n, n);
      const T mean = means[r] = T(s.mean), rstd = rstds[r] = T(1 / std::sqrt(s.m2 / double(n) + a.eps));
      for (int64_t k = 0; k < members; ++k) {
        const int64_t c = r % a.groups * members + k, at = r * n + k * a.size;
        affine_run(in + at, out + at, a.size, mean, rstd * element<T>(a.weight, c, 1), element<T>(a.bias, c, 0));
      }
    }
  });
}

template <class T>
void group_norm_back(const GroupNormArgs& a) {
  const T *in = static_cast<const T*>(a.in), *grad = static_cast<const T*>(a.grad);
  const T *means = static_cast<const T*>(a.mean), *rstds = static_cast<const T*>(a.rstd);
  T* out = static_cast<T*>(a.grad_in);
  const int64_t members = a.channels / a.groups, n = members * a.size;
  // Per (batch, channel): the sums of dy and of dy * normalized x.
  double* sums = static_cast<double*>(scratch(kPartial, a.batch * a.channels * 2 * int64_t(sizeof(double))));
  parallel_for(a.batch * a.groups, grain_of(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      double shift = 0, along = 0;
      const T mean = means[r], rstd = rstds[r];
      for (int64_t k = 0; k < members; ++k) {
        double* s = sums + (r * members + k) * 2;
        const int64_t at = r * n + k * a.size;
        back_sums(in + at, grad + at, a.size, mean, s);
        s[1] *= double(rstd);
        const double w = double(element<T>(a.weight, r % a.groups * members + k, 1));
        shift += w * s[0];
        along += w * s[1];
      }
      if (!out) continue;
      const T b = T(-along * double(rstd) * double(rstd) / double(n)), c = T(-shift * double(rstd) / double(n));
      for (int64_t k = 0; k < members; ++k) {
        const int64_t at = r * n + k * a.size;
        const T w = element<T>(a.weight, r % a.groups * members + k, 1);
        back_run(in + at, grad + at, out + at, a.size, mean, rstd * w, b, c);
      }
    }
  });
  for (int64_t c = 0; c < a.channels; ++c) {
    double db = 0, dw = 0;
    for (int64_t b = 0; b < a.batch; ++b) {
      db += sums[(b * a.channels + c) * 2];
      dw += sums[(b * a.channels + c) * 2 + 1];
    }
    if (a.grad_weight) static_cast<T*>(a.grad_weight)[c] = T(dw);
    if (a.grad_bias) static_cast<T*>(a.grad_bias)[c] = T(db);
  }
}

// --------------------------------------------------------------------------------------------------- batch norm

template <class T>
T batch_rstd(const BatchNormArgs& a, int64_t c) {
  return T(1 / std::sqrt(double(static_cast<const T*>(a.var)[c]) + a.eps));
}

// One channel after the other: statistics and output while the channel is in the cache.
template <class T>
void batch_norm_forward(const BatchNormArgs& a) {
  const T* in = static_cast<const T*>(a.in);
  T *out = static_cast<T*>(a.out), *means = static_cast<T*>(a.mean), *vars = static_cast<T*>(a.var);
  const int64_t step = a.channels * a.size;
  parallel_for(a.channels, grain_of(a.batch * a.size), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      if (a.train) {
        Spread s;
        for (int64_t b = 0; b < a.batch; ++b) s.add(spread_of(in + b * step + c * a.size, a.size));
        means[c] = T(s.mean);
        vars[c] = T(s.m2 / s.n);
      }
      const T scale = batch_rstd<T>(a, c) * element<T>(a.weight, c, 1), shift = element<T>(a.bias, c, 0);
      for (int64_t b = 0; b < a.batch; ++b) {
        const int64_t at = b * step + c * a.size;
        affine_run(in + at, out + at, a.size, means[c], scale, shift);
      }
    }
  });
}

// What dx = dy * a + (x - mean) * b + c takes in one channel, from the sums of dy and dy * (x - mean).
template <class T>
struct BackFactors {
  T a, b, c;
};
template <class T>
BackFactors<T> batch_norm_factors(const BatchNormArgs& a, int64_t c, const double* s) {
  const T rstd = batch_rstd<T>(a, c), scale = rstd * element<T>(a.weight, c, 1);
  if (a.grad_weight) static_cast<T*>(a.grad_weight)[c] = T(s[1] * double(rstd));
  if (a.grad_bias) static_cast<T*>(a.grad_bias)[c] = T(s[0]);
  if (!a.train) return {scale, T(0), T(0)};
  const double n = double(a.batch * a.size);
  return {scale, T(-s[1] * double(rstd) * double(rstd) * double(scale) / n), T(-s[0] * double(scale) / n)};
}

template <class T>
void batch_norm_back(const BatchNormArgs& a) {
  const T *in = static_cast<const T*>(a.in), *grad = static_cast<const T*>(a.grad);
  const T* means = static_cast<const T*>(a.mean);
  T* out = static_cast<T*>(a.grad_in);
  const int64_t step = a.channels * a.size;
  parallel_for(a.channels, grain_of(a.batch * a.size), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double total[2] = {0, 0}, s[2];
      for (int64_t b = 0; b < a.batch; ++b) {
        const int64_t at = b * step + c * a.size;
        back_sums(in + at, grad + at, a.size, means[c], s);
        total[0] += s[0];
        total[1] += s[1];
      }
      const BackFactors<T> f = batch_norm_factors<T>(a, c, total);
      for (int64_t b = 0; out && b < a.batch; ++b) {
        const int64_t at = b * step + c * a.size;
        back_run(in + at, grad + at, out + at, a.size, means[c], f.a, f.b, f.c);
      }
    }
  });
}

template <class T>
void batch_norm_last_forward(const BatchNormArgs& a) {
  const int64_t rows = a.batch * a.size, n = a.channels;
  if (a.train) {
    ReduceArgs r;
    r.kind = Reduction::VarMean;
    r.in_dtype = r.out_dtype = a.dtype;
    r.in = a.in;
    r.out = a.var;
    r.second = a.mean;
    r.kept_ndim = r.reduced_ndim = 1;
    r.kept[0] = {n, 1, 1};
    r.reduced[0] = {rows, n, 0};
    reduce(r);
  }
  T* scale = static_cast<T*>(scratch(kPartial, n * int64_t(sizeof(T))));
  for (int64_t c = 0; c < n; ++c) scale[c] = batch_rstd<T>(a, c) * element<T>(a.weight, c, 1);
  const T *mean = static_cast<const T*>(a.mean), *bias = static_cast<const T*>(a.bias);
  parallel_for(rows, grain_of(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* __restrict x = static_cast<const T*>(a.in) + r * n;
      T* __restrict y = static_cast<T*>(a.out) + r * n;
      if (bias) {
        for (int64_t c = 0; c < n; ++c) y[c] = (x[c] - mean[c]) * scale[c] + bias[c];
      } else {
        for (int64_t c = 0; c < n; ++c) y[c] = (x[c] - mean[c]) * scale[c];
      }
    }
  });
}

template <class T>
void batch_norm_last_back(const BatchNormArgs& a) {
  const T *in = static_cast<const T*>(a.in), *grad = static_cast<const T*>(a.grad);
  const T* __restrict mean = static_cast<const T*>(a.mean);
  T* out = static_cast<T*>(a.grad_in);
  const int64_t rows = a.batch * a.size, n = a.channels;
  const int64_t chunk = std::max<int64_t>(32, grain_of(n)), chunks = (rows + chunk - 1) / chunk;
  T* parts = static_cast<T*>(scratch(kPartial, (chunks + 2) * 2 * n * int64_t(sizeof(T))));
  parallel_for(rows, chunk, [&](int64_t begin, int64_t end) {
    T* __restrict sum = nullptr, * __restrict along = nullptr;
    for (int64_t r = begin; r < end; ++r) {
      if (r % chunk == 0) {
        sum = parts + r / chunk * 2 * n;
        along = sum + n;
        std::fill_n(sum, 2 * n, T(0));
      }
      const T* __restrict x = in + r * n, * __restrict g = grad + r * n;
      for (int64_t c = 0; c < n; ++c) {
        sum[c] += g[c];
        along[c] += g[c] * (x[c] - mean[c]);
      }
    }
  });
  T* factors = static_cast<T*>(scratch(kWide, 3 * n * int64_t(sizeof(T))));
  for (int64_t c = 0; c < n; ++c) {
    double s[2] = {0, 0};
    for (int64_t k = 0; k < chunks; ++k) {
      s[0] += double(parts[k * 2 * n + c]);
      s[1] += double(parts[(k * 2 + 1) * n + c]);
    }
    const BackFactors<T> f = batch_norm_factors<T>(a, c, s);
    factors[c] = f.a, factors[n + c] = f.b, factors[2 * n + c] = f.c;
  }
  if (!out) return;
  parallel_for(rows, chunk, [&](int64_t begin, int64_t end) {
    const T* __restrict fa = factors, * __restrict fb = factors + n, * __restrict fc = factors + 2 * n;
    for (int64_t r = begin; r < end; ++r) {
      const T* __restrict x = in + r * n, * __restrict g = grad + r * n;
      T* __restrict to = out + r * n;
      for (int64_t c = 0; c < n; ++c) to[c] = g[c] * fa[c] + ((x[c] - mean[c]) * fb[c] + fc[c]);
    }
  });
}

}  // namespace

#define FL_FLOATING(name, Args, f) \
  void name(const Args& a) { a.dtype == DType::Float32 ? f<float>(a) : f<double>(a); }
FL_FLOATING(layer_norm, LayerNormArgs, layer_norm_forward)
FL_FLOATING(layer_norm_backward, LayerNormArgs, layer_norm_back)
FL_FLOATING(group_norm, GroupNormArgs, group_norm_forward)
FL_FLOATING(group_norm_backward, GroupNormArgs, group_norm_back)
FL_FLOATING(batch_norm_planes, BatchNormArgs, batch_norm_forward)
FL_FLOATING(batch_norm_planes_backward, BatchNormArgs, batch_norm_back)
FL_FLOATING(batch_norm_last, BatchNormArgs, batch_norm_last_forward)
FL_FLOATING(batch_norm_last_backward, BatchNormArgs, batch_norm_last_back)
#undef FL_FLOATING

void batch_norm(const BatchNormArgs& a) { a.channels_last ? batch_norm_last(a) : batch_norm_planes(a); }
void batch_norm_backward(const BatchNormArgs& a) {
  a.channels_last ? batch_norm_last_backward(a) : batch_norm_planes_backward(a);
}

void register_norm(Kernels& kernels) {
  kernels.norm = {layer_norm, layer_norm_backward, group_norm, group_norm_backward, batch_norm, batch_norm_backward};
}

}  // namespace flambeau::cpu::FL_ISA
