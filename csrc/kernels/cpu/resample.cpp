// Sliding windows to columns and back, and resampling along one axis by a table of weights.
#include <algorithm>
#include <vector>

#include "core/kernels/pool.h"
#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

// Calls body(tap offset, row of columns) per plane and kernel tap; columns of one plane are (taps, out0, out1).
template <class T, bool fold>
void move_plane(const UnfoldArgs& a, T* plane, T* columns) {
  for (int64_t k0 = 0; k0 < a.kernel[0]; ++k0)
    for (int64_t k1 = 0; k1 < a.kernel[1]; ++k1)
      for (int64_t o0 = 0; o0 < a.out[0]; ++o0, columns += a.out[1]) {
        const int64_t i0 = o0 * a.stride[0] - a.pad[0] + k0 * a.dilation[0];
        const bool inside = i0 >= 0 && i0 < a.in[0];
        for (int64_t o1 = 0; o1 < a.out[1]; ++o1) {
          const int64_t i1 = o1 * a.stride[1] - a.pad[1] + k1 * a.dilation[1];
          const bool hit = inside && i1 >= 0 && i1 < a.in[1];
          if constexpr (fold) {
            if (hit) plane[i0 * a.in[1] + i1] += columns[o1];
          } else {
            columns[o1] = hit ? plane[i0 * a.in[1] + i1] : T(0);
          }
        }
      }
}

template <class T, bool fold>
void unfold(const UnfoldArgs& a) {
  const int64_t in = a.in[0] * a.in[1], out = a.kernel[0] * a.kernel[1] * a.out[0] * a.out[1];
  T *source = static_cast<T*>(const_cast<void*>(a.source)), *result = static_cast<T*>(a.result);
  T *planes = fold ? result : source, *columns = fold ? source : result;
  parallel_for(a.planes, std::max<int64_t>(1, 32768 / (out + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      if (fold) std::fill_n(planes + p * in, in, T(0));
      move_plane<T, fold>(a, planes + p * in, columns + p * out);
    }
  });
}

// The rows [from, to) of one line of the result; K taps each, `taps` where K is 0.
template <class T, int K>
void take_taps(const ResampleArgs& a, const T* weight, const T* x, T* y, int64_t from, int64_t to, int64_t taps) {
  if constexpr (K) taps = K;
  const int64_t inner = a.inner;
  if (inner == 1) {
    for (int64_t o = from; o < to; ++o) {
      T sum = weight[o * a.taps] * x[a.first[o]];
      for (int64_t t = 1; t < taps; ++t) sum += weight[o * a.taps + t] * x[a.first[o] + t];
      y[o] = sum;
    }
    return;
  }
  for (int64_t o = from; o < to; ++o) {
    const T *w = weight + o * a.taps, *row = x + a.first[o] * inner;
    T* out = y + o * inner;
    if (taps == 1 && w[0] == T(1)) {
      std::copy_n(row, inner, out);
      continue;
    }
    for (int64_t k = 0; k < inner; ++k) {
      T sum = w[0] * row[k];
      for (int64_t t = 1; t < taps; ++t) sum += w[t] * row[t * inner + k];
      out[k] = sum;
    }
  }
}

// The adjoint: adds the rows of one line to where they came from.
template <class T>
void give_taps(const ResampleArgs& a, const T* weight, const T* g, T* x) {
  std::fill_n(x, a.in * a.inner, T(0));
  for (int64_t o = 0; o < a.out; ++o) {
    const int64_t taps = std::min(a.taps, a.in - a.first[o]);
    for (int64_t t = 0; t < taps; ++t) {
      const T w = weight[o * a.taps + t];
      const T* from = g + o * a.inner;
      T* to = x + (a.first[o] + t) * a.inner;
      for (int64_t k = 0; k < a.inner; ++k) to[k] += w * from[k];
    }
  }
}

template <class T>
void resample(const ResampleArgs& a) {
  const std::vector<T> weight(a.weight, a.weight + a.out * a.taps);
  const T* source = static_cast<const T*>(a.source);
  T* result = static_cast<T*>(a.result);
  int64_t whole = 0;  // the rows all of whose taps are there; the taps of those at the end may reach beyond
  while (whole < a.out && a.first[whole] + a.taps <= a.in) ++whole;
  const auto take = a.taps == 1   ? take_taps<T, 1>
                    : a.taps == 2 ? take_taps<T, 2>
                    : a.taps == 4 ? take_taps<T, 4>
                                  : take_taps<T, 0>;
  parallel_for(
      a.outer, std::max<int64_t>(1, 32768 / ((a.in + a.out * a.taps) * a.inner + 1)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t in = i * a.in * a.inner, out = i * a.out * a.inner;
          if (a.transposed) {
            give_taps(a, weight.data(), source + out, result + in);
            continue;
          }
          take(a, weight.data(), source + in, result + out, 0, whole, a.taps);
          for (int64_t o = whole; o < a.out; ++o)
            take_taps<T, 0>(a, weight.data(), source + in, result + out, o, o + 1, std::min(a.taps, a.in - a.first[o]));
        }
      });
}

const SampleKernels sample_kernels = {
    {unfold<float, false>, unfold<double, false>, unfold<int64_t, false>},
    {unfold<float, true>, unfold<double, true>, unfold<int64_t, true>},
    {resample<float>, resample<double>},
};

}  // namespace

void register_sample(Kernels& kernels) { kernels.sample = sample_kernels; }

}  // namespace flambeau::cpu::FL_ISA
