// Max and average pooling over boxes, in both layouts, and the moves along saved indices.
#include "core/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/threads.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/stream.h"
#include "kernels/cpu/transpose.h"

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

// Results [begin, end) of a row whose windows are whole and lie `step` apart: they are computed side by side.
struct Regular {
  int64_t begin = 0, end = 0, step = 1, taps = 0;
};

Regular regular_run(const PoolArgs& a) {
  const int64_t *begin = a.begin[2], *end = a.end[2], count = a.out[2];
  Regular r;
  for (int64_t o = 0; o < count; ++o) r.taps = std::max(r.taps, end[o] - begin[o]);
  while (r.begin < count && end[r.begin] - begin[r.begin] != r.taps) ++r.begin;
  r.end = r.begin + 1;
  if (r.end < count) r.step = begin[r.end] - begin[r.begin];
  while (r.end < count && end[r.end] - begin[r.end] == r.taps && begin[r.end] - begin[r.end - 1] == r.step) ++r.end;
  if (r.step < 1 || r.end - r.begin < 4) r = {};
  return r;
}

template <class T, int... J>
inline T every_second(T a, T b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, 2 * J...);
}

// body(first result, how many, load) for a regular run, a vector of results at a time; load(p) is the vector of the
// numbers at p, p + step, ... for them.
template <class T, class Body>
void side_by_side(const Regular& r, Body body) {
  constexpr int L = kLanes<T>;
  for (int64_t o = r.begin; o < r.end; o += L) {
    const int64_t count = std::min<int64_t>(L, r.end - o);
    const bool last = o + L >= r.end;  // nothing may be read behind the last number
    if (r.step == 1)
      body(o, count, [=](const T* p) { return load_some<T>(p, count); });
    else if (r.step == 2)
      body(o, count, [=](const T* p) {
        const int64_t reach = last ? 2 * count - 1 : 2 * L;
        const Vector<T> a = load_some<T>(p, reach), b = reach > L ? load_some<T>(p + L, reach - L) : Vector<T>{};
        return every_second(a, b, std::make_integer_sequence<int, L>{});
      });
    else
      body(o, count, [=](const T* p) {
        Vector<T> v{};
        for (int64_t l = 0; l < count; ++l) v[l] = p[l * r.step];
        return v;
      });
  }
}

// row(flat position of the row in the plane) for every row of a window, in memory order.
template <class Row>
inline void for_rows(const PoolArgs& a, int64_t o0, int64_t o1, Row row) {
  for (int64_t i0 = a.begin[0][o0]; i0 < a.end[0][o0]; i0 += a.dilation[0])
    for (int64_t i1 = a.begin[1][o1]; i1 < a.end[1][o1]; i1 += a.dilation[1]) row((i0 * a.in[1] + i1) * a.in[2]);
}

template <class T>
void max_one(const PoolArgs& a, const T* x, int64_t o0, int64_t o1, int64_t o2, T* y, int64_t* index) {
  T best = lowest<T>();
  int64_t place = (a.begin[0][o0] * a.in[1] + a.begin[1][o1]) * a.in[2] + a.begin[2][o2];
  for_rows(a, o0, o1, [&](int64_t row) {
    for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; i2 += a.dilation[2])
      if (beats(x[row + i2], best)) best = x[row + i2], place = row + i2;
  });
  *y = best;
  if (index) *index = place;
}

template <int L>
struct WideIndices {
  typedef int64_t type __attribute__((vector_size(8 * L)));
};

// to[l] = first + l * step + place[l].
template <class Places>
inline void store_places(int64_t* to, Places place, int64_t first, int64_t step, int64_t count) {
  constexpr int L = sizeof(Places) / sizeof(place[0]);
  using All = typename WideIndices<L>::type;
  All at = __builtin_convertvector(place, All) + first;
  for (int l = 0; l < L; ++l) at[l] += l * step;
  std::memcpy(to, &at, count * sizeof(int64_t));
}

template <class T>
void max_plane(const PoolArgs& a, const Regular& regular, const T* x, T* y, int64_t* indices) {
  using Place = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;  // as wide as T: one mask serves for both
  for (int64_t o0 = 0; o0 < a.out[0]; ++o0)
    for (int64_t o1 = 0; o1 < a.out[1]; ++o1, y += a.out[2], indices += indices ? a.out[2] : 0) {
      side_by_side<T>(regular, [&](int64_t o, int64_t count, auto load) {
        const int64_t first = (a.begin[0][o0] * a.in[1] + a.begin[1][o1]) * a.in[2] + a.begin[2][o];
        Vector<T> best = Vector<T>{} + lowest<T>();
        Vector<Place> place{};  // from the window's first number
        for_rows(a, o0, o1, [&](int64_t row) {
          for (int64_t t = 0; t < regular.taps; t += a.dilation[2]) {
            const int64_t at = row + a.begin[2][o] + t;
            const Vector<T> value = load(x + at);
            const Vector<Place> wins = (value > best) | (value != value);
            best = wins ? value : best;
            place = wins ? Vector<Place>{} + Place(at - first) : place;
          }
        });
        store_some(y + o, best, count);
        if (indices) store_places(indices + o, place, first, regular.step, count);
      });
      for (int64_t o2 = 0; o2 < a.out[2]; ++o2)
        if (o2 < regular.begin || o2 >= regular.end)
          max_one(a, x, o0, o1, o2, y + o2, indices ? indices + o2 : nullptr);
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
  const Regular regular = regular_run(a);
  parallel_for(a.n * a.channels, grain(out * window_size(a)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      max_plane(a, regular, x + p * in, y + p * out, a.indices ? a.indices + p * out : nullptr);
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
void average_plane(const PoolArgs& a, const Regular& regular, const T* x, T* y) {
  for (int64_t o0 = 0; o0 < a.out[0]; ++o0)
    for (int64_t o1 = 0; o1 < a.out[1]; ++o1, y += a.out[2]) {
      side_by_side<T>(regular, [&](int64_t o, int64_t count, auto load) {
        Vector<T> sums{};
        for_rows(a, o0, o1, [&](int64_t row) {
          for (int64_t t = 0; t < regular.taps; ++t) sums += load(x + row + a.begin[2][o] + t);
        });
        store_some(y + o, sums / divisor<T>(a, o0, o1, o), count);  // whole windows: all have the same
      });
      for (int64_t o2 = 0; o2 < a.out[2]; ++o2) {
        if (o2 >= regular.begin && o2 < regular.end) continue;
        T sum = 0;
        for_rows(a, o0, o1, [&](int64_t row) {
          for (int64_t i2 = a.begin[2][o2]; i2 < a.end[2][o2]; ++i2) sum += x[row + i2];
        });
        y[o2] = sum / divisor<T>(a, o0, o1, o2);
      }
    }
}

template <class T>
void average(const PoolArgs& a) {
  const int64_t in = in_size(a), out = out_size(a), c = a.channels;
  if (out == 0 || a.n * c == 0) return;
  const T* x = static_cast<const T*>(a.source);
  T* y = static_cast<T*>(a.result);
  const bool whole = out == 1 && window_size(a) == in, far = a.n * c * in * int64_t(sizeof(T)) >= kFarBytes;
  const Regular regular = regular_run(a);
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
          if (far) ask_for(x + p * in + 1024, in);
          y[p] = sum_run(x + p * in, in) / divisor<T>(a, 0, 0, 0);
          continue;
        }
      average_plane(a, regular, x + p * in, y + p * out);
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
