// Sliding windows to columns and back, and resampling along one axis by a table of weights.
#include <algorithm>

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

template <class T>
void resample(const ResampleArgs& a) {
  const T* source = static_cast<const T*>(a.source);
  T* result = static_cast<T*>(a.result);
  const int64_t size = a.transposed ? a.in : a.out;
  parallel_for(a.outer, std::max<int64_t>(1, 32768 / ((a.in + a.out * a.taps) * a.inner + 1)),
               [&](int64_t begin, int64_t end) {
                 std::fill(result + begin * size * a.inner, result + end * size * a.inner, T(0));
                 for (int64_t i = begin; i < end; ++i)
                   for (int64_t o = 0; o < a.out; ++o)
                     for (int64_t t = 0; t < a.taps; ++t) {
                       const T weight = static_cast<T>(a.weight[o * a.taps + t]);
                       const int64_t at = i * a.in + a.first[o] + t, to = i * a.out + o;
                       if (a.first[o] + t >= a.in) continue;
                       const T* from = source + (a.transposed ? to : at) * a.inner;
                       T* out = result + (a.transposed ? at : to) * a.inner;
                       if (a.inner == 1) {
                         *out += weight * *from;
                       } else {
                         for (int64_t k = 0; k < a.inner; ++k) out[k] += weight * from[k];
                       }
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
