// Max and average pooling over boxes, in both layouts, and the moves along saved indices.
#include "core/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/threads.h"
#include "kernels/cpu/microkernel.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

template <class T>
constexpr T lowest() {
  return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
}
template <class T>
inline bool beats(T value, T best) {
  return value > best || value != value;  // NaN wins
}

int64_t in_size(const PoolArgs& a) { return a.in[0] * a.in[1] * a.in[2]; }
int64_t out_size(const PoolArgs& a) { return a.out[0] * a.out[1] * a.out[2]; }
int64_t grain(int64_t per_item) { return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, per_item)); }

template <class T>
T divisor(const PoolArgs& a, int64_t o0, int64_t o1, int64_t o2) {
  return static_cast<T>(a.divisor ? a.divisor : a.extent[0][o0] * a.extent[1][o1] * a.extent[2][o2]);
}

// ------------------------------------------------------------------------------------------------------------- max

// Two rows of 2 x 2 windows side by side, one vector of results at a time.
void max_2x2_row(const float* top, const float* bottom, int64_t count, int64_t at, int64_t width, float* out,
                 int64_t* indices) {
  constexpr int L = 8;
  typedef float F __attribute__((vector_size(L * 4)));
  typedef int32_t I __attribute__((vector_size(L * 4)));
  typedef int64_t I64 __attribute__((vector_size(L * 8)));
  typedef F FAny __attribute__((aligned(4), may_alias));
  typedef I64 I64Any __attribute__((aligned(8), may_alias));
  int64_t i = 0;
  for (; i + L <= count; i += L) {
    auto split = [&](const float* row, F& even, F& odd) {
      const F a = *reinterpret_cast<const FAny*>(row + 2 * i), b = *reinterpret_cast<const FAny*>(row + 2 * i + L);
      even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
      odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
    };
    F best, value[3];
    split(top, best, value[0]);
    split(bottom, value[1], value[2]);
    I place = {0, 2, 4, 6, 8, 10, 12, 14}, first = place;
    const int32_t shift[3] = {1, static_cast<int32_t>(width), static_cast<int32_t>(width) + 1};
    for (int k = 0; k < 3; ++k) {
      const I wins = (value[k] > best) | (value[k] != value[k]);
      best = wins ? value[k] : best;
      place = wins ? first + shift[k] : place;
    }
    *reinterpret_cast<FAny*>(out + i) = best;
    if (indices) *reinterpret_cast<I64Any*>(indices + i) = __builtin_convertvector(place, I64) + (at + 2 * i);
  }
  for (; i < count; ++i) {
    const float value[4] = {top[2 * i], top[2 * i + 1], bottom[2 * i], bottom[2 * i + 1]};
    int k = 0;
    for (int j = 1; j < 4; ++j)
      if (beats(value[j], value[k])) k = j;
    out[i] = value[k];
    if (indices) indices[i] = at + 2 * i + (k & 1) + (k >> 1) * width;
  }
}

bool is_2x2(const PoolArgs& a) {
  if (a.in[0] != 1 || a.out[0] != 1) return false;
  for (int d = 1; d < 3; ++d)
    for (int64_t o = 0; o < a.out[d]; ++o)
      if (a.begin[d][o] != 2 * o || a.end[d][o] != 2 * o + 2 || a.dilation[d] != 1) return false;
  return true;
}

template <class T>
void max_plane(const PoolArgs& a, const T* x, T* y, int64_t* indices) {
  for (int64_t o0 = 0; o0 < a.out[0]; ++o0)
    for (int64_t o1 = 0; o1 < a.out[1]; ++o1)
      for (int64_t o2 = 0; o2 < a.out[2]; ++o2) {
        T best = lowest<T>();
        int64_t place = (a.begin[0][o0] * a.in[1] + a.begin[1][o1]) * a.in[2] + a.begin[2][o2];
        for (int64_t i0 = a.begin[0][o0]; i0 < a.end[0][o0]; i0 += a.dilation[0])
          for (int64_t i1 = a.begin[1][o1]; i1 < a.end[1][o1]; i1 += a.dilation[1]) {
            const int64_t row = (i0 * a.in[1] + i1) * a.in[2];
            for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; i2 += a.dilation[2])
              if (beats(x[row + i2], best)) {
                best = x[row + i2];
                place = row + i2;
              }
          }
        *y++ = best;
        if (indices) *indices++ = place;
      }
}

template <class T>
void max_pixel_last(const PoolArgs& a, const T* x, int64_t o0, int64_t o1, int64_t o2, T* y, int64_t* indices) {
  const int64_t c = a.channels;
  const int64_t first = (a.begin[0][o0] * a.in[1] + a.begin[1][o1]) * a.in[2] + a.begin[2][o2];
  for (int64_t k = 0; k < c; ++k) y[k] = lowest<T>();
  for (int64_t k = 0; k < c; ++k) indices[k] = first;
  for (int64_t i0 = a.begin[0][o0]; i0 < a.end[0][o0]; i0 += a.dilation[0])
    for (int64_t i1 = a.begin[1][o1]; i1 < a.end[1][o1]; i1 += a.dilation[1])
      for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; i2 += a.dilation[2]) {
        const int64_t place = (i0 * a.in[1] + i1) * a.in[2] + i2;
        const T* row = x + place * c;
        for (int64_t k = 0; k < c; ++k) {
          const bool wins = beats(row[k], y[k]);
          y[k] = wins ? row[k] : y[k];
          indices[k] = wins ? place : indices[k];
        }
      }
}

// Calls body(o0, o1, o2, image, flat result position) for every result pixel of channels-last data.
template <class Body>
void for_pixels(const PoolArgs& a, int64_t work, const Body& body) {
  const int64_t size = out_size(a);
  parallel_for(a.n * size, grain(work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i % size;
      body(o / a.out[2] / a.out[1], o / a.out[2] % a.out[1], o % a.out[2], i / size, i);
    }
  });
}

int64_t window_size(const PoolArgs& a) {
  int64_t size = 1;
  for (int d = 0; d < 3; ++d) size *= std::max<int64_t>(1, a.end[d][0] - a.begin[d][0]);
  return size;
}

template <class T>
void max(const PoolArgs& a) {
  if (out_size(a) == 0 || a.n * a.channels == 0) return;
  const T* x = static_cast<const T*>(a.source);
  T* y = static_cast<T*>(a.result);
  if (a.channels_last) {
    for_pixels(a, a.channels * window_size(a), [&](int64_t o0, int64_t o1, int64_t o2, int64_t image, int64_t at) {
      int64_t* indices = a.indices
                             ? a.indices + at * a.channels
                             : static_cast<int64_t*>(scratch(8, a.channels * static_cast<int64_t>(sizeof(int64_t))));
      max_pixel_last(a, x + image * in_size(a) * a.channels, o0, o1, o2, y + at * a.channels, indices);
    });
    return;
  }
  const int64_t in = in_size(a), out = out_size(a);
  const bool simple = std::is_same_v<T, float> && is_2x2(a);
  parallel_for(a.n * a.channels, grain(out * window_size(a)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      int64_t* indices = a.indices ? a.indices + p * out : nullptr;
      if constexpr (std::is_same_v<T, float>) {
        if (simple) {
          const int64_t width = a.in[2];
          for (int64_t o = 0; o < a.out[1]; ++o)
            max_2x2_row(x + p * in + 2 * o * width, x + p * in + (2 * o + 1) * width, a.out[2], 2 * o * width, width,
                        y + p * out + o * a.out[2], indices ? indices + o * a.out[2] : nullptr);
          continue;
        }
      }
      max_plane(a, x + p * in, y + p * out, indices);
    }
  });
}

template <class T>
void scatter(const PoolArgs& a) {
  const int64_t in = in_size(a), out = out_size(a), c = a.channels;
  const T* from = static_cast<const T*>(a.source);
  T* to = static_cast<T*>(a.result);
  const int64_t lump = a.channels_last ? 1 : c;  // items: planes, or whole images where planes are interleaved
  parallel_for(a.n * lump, grain((in + out) * c / lump), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      if (a.channels_last) {
        std::fill_n(to + p * in * c, in * c, T(0));
        for (int64_t i = p * out; i < (p + 1) * out; ++i)
          for (int64_t k = 0; k < c; ++k) to[(p * in + a.indices[i * c + k]) * c + k] += from[i * c + k];
      } else {
        std::fill_n(to + p * in, in, T(0));
        for (int64_t i = p * out; i < (p + 1) * out; ++i) to[p * in + a.indices[i]] += from[i];
      }
    }
  });
}

template <class T>
void gather(const PoolArgs& a) {
  const int64_t in = in_size(a), out = out_size(a), c = a.channels;
  const T* from = static_cast<const T*>(a.source);
  T* to = static_cast<T*>(a.result);
  const int64_t lump = a.channels_last ? 1 : c;
  parallel_for(a.n * lump, grain(out * c / lump), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      if (a.channels_last) {
        for (int64_t i = p * out; i < (p + 1) * out; ++i)
          for (int64_t k = 0; k < c; ++k) to[i * c + k] = from[(p * in + a.indices[i * c + k]) * c + k];
      } else {
        for (int64_t i = p * out; i < (p + 1) * out; ++i) to[i] = from[p * in + a.indices[i]];
      }
    }
  });
}

// --------------------------------------------------------------------------------------------------------- average

template <class T>
T sum_run(const T* x, int64_t count) {
  constexpr int L = kLanes<T>;
  Vector<T> sums[2] = {};
  int64_t i = 0;
  for (; i + 2 * L <= count; i += 2 * L) {
    sums[0] += load(x + i);
    sums[1] += load(x + i + L);
  }
  if (i + L <= count) {
    sums[0] += load(x + i);
    i += L;
  }
  T lanes[L], rest = 0;
  store(lanes, sums[0] + sums[1]);
  for (; i < count; ++i) rest += x[i];
  for (int width = L / 2; width >= 1; width /= 2)
    for (int j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  return lanes[0] + rest;
}

template <class T>
void average_plane(const PoolArgs& a, const T* x, T* y) {
  for (int64_t o0 = 0; o0 < a.out[0]; ++o0)
    for (int64_t o1 = 0; o1 < a.out[1]; ++o1)
      for (int64_t o2 = 0; o2 < a.out[2]; ++o2) {
        T sum = 0;
        for (int64_t i0 = a.begin[0][o0]; i0 < a.end[0][o0]; ++i0)
          for (int64_t i1 = a.begin[1][o1]; i1 < a.end[1][o1]; ++i1) {
            const T* row = x + (i0 * a.in[1] + i1) * a.in[2];
            for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; ++i2) sum += row[i2];
          }
        *y++ = sum / divisor<T>(a, o0, o1, o2);
      }
}

template <class T>
void average(const PoolArgs& a) {
  const int64_t in = in_size(a), out = out_size(a), c = a.channels;
  if (out == 0 || a.n * c == 0) return;
  const T* x = static_cast<const T*>(a.source);
  T* y = static_cast<T*>(a.result);
  const bool whole = out == 1 && window_size(a) == in;
  if (a.channels_last) {
    for_pixels(a, c * window_size(a), [&](int64_t o0, int64_t o1, int64_t o2, int64_t image, int64_t at) {
      T* sums = y + at * c;
      std::fill_n(sums, c, T(0));
      for (int64_t i0 = a.begin[0][o0]; i0 < a.end[0][o0]; ++i0)
        for (int64_t i1 = a.begin[1][o1]; i1 < a.end[1][o1]; ++i1)
          for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; ++i2) {
            const T* row = x + (image * in + (i0 * a.in[1] + i1) * a.in[2] + i2) * c;
            for (int64_t k = 0; k < c; ++k) sums[k] += row[k];
          }
      const T by = divisor<T>(a, o0, o1, o2);
      for (int64_t k = 0; k < c; ++k) sums[k] /= by;
    });
    return;
  }
  parallel_for(a.n * c, grain(std::max(in, out * window_size(a))), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      if constexpr (!std::is_integral_v<T>)
        if (whole) {
          y[p] = sum_run(x + p * in, in) / divisor<T>(a, 0, 0, 0);
          continue;
        }
      average_plane(a, x + p * in, y + p * out);
    }
  });
}

// Adds every result's share to its window; step is the distance of neighbouring pixels, count the values per pixel.
template <class T>
void spread(const PoolArgs& a, const T* grad, T* to, int64_t count) {
  for (int64_t o0 = 0; o0 < a.out[0]; ++o0)
    for (int64_t o1 = 0; o1 < a.out[1]; ++o1)
      for (int64_t o2 = 0; o2 < a.out[2]; ++o2, grad += count) {
        const T by = divisor<T>(a, o0, o1, o2);
        for (int64_t i0 = a.begin[0][o0]; i0 < a.end[0][o0]; ++i0)
          for (int64_t i1 = a.begin[1][o1]; i1 < a.end[1][o1]; ++i1) {
            T* row = to + (i0 * a.in[1] + i1) * a.in[2] * count;
            if (count == 1) {
              const T share = grad[0] / by;
              for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; ++i2) row[i2] += share;
            } else {
              for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; ++i2)
                for (int64_t k = 0; k < count; ++k) row[i2 * count + k] += grad[k] / by;
            }
          }
      }
}

template <class T>
void average_grad(const PoolArgs& a) {
  const int64_t in = in_size(a), out = out_size(a), c = a.channels;
  const T* grad = static_cast<const T*>(a.source);
  T* to = static_cast<T*>(a.result);
  const int64_t lump = a.channels_last ? 1 : c, per = c / std::max<int64_t>(1, lump);
  parallel_for(a.n * lump, grain((in + out) * per), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      std::fill_n(to + p * in * per, in * per, T(0));
      spread(a, grad + p * out * per, to + p * in * per, per);
    }
  });
}

const PoolKernels pool_kernels = {
    {max<float>, max<double>, max<int64_t>},
    {average<float>, average<double>, average<int64_t>},
    {average_grad<float>, average_grad<double>, average_grad<int64_t>},
    {scatter<float>, scatter<double>, scatter<int64_t>},
    {gather<float>, gather<double>, gather<int64_t>},
};

}  // namespace

void register_pool(Kernels& kernels) { kernels.pool = pool_kernels; }

}  // namespace flambeau::cpu::FL_ISA
