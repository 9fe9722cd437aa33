// Scaled dot-product attention, block by block: the matrix of scores never exists as a whole (Dao et al., arXiv
// 2205.14135). Blocks of queries meet blocks of keys in the micro-kernel; 16-bit types are computed in float.
#include "core/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/threads.h"
#include "kernels/cpu/floats.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int kSlotAttention = 5;
constexpr int64_t kQueries = 8 * kRows;  // of a block
constexpr int64_t kKeys = 256;

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// c[m x n] (+)= a b for n a multiple of the vector length; panels of b lie panel_step apart.
template <class T>
void product(AKind kind, const T* a, int64_t a_stride, const T* b, int64_t b_stride, int64_t panel_step, T* c,
             int64_t c_stride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  TileArgs<T> t;
  t.k = k;
  t.a = a, t.a_stride = a_stride;
  t.b = b, t.b_stride = b_stride;
  t.c = c, t.c_stride = c_stride;
  t.accumulate = accumulate;
  panel_product(t, kind, m, n, panel_step);
}

// Rows as T, times a factor, filled up with zeros to `width`, a multiple of the vector length.
template <class T, class S>
void copy_rows(const S* from, int64_t stride, int64_t rows, int64_t cols, T factor, T* to, int64_t width) {
  for (int64_t r = 0; r < rows; ++r, from += stride, to += width)
    for (int64_t c = 0; c < cols; c += kLanes<T>) store(to + c, load_some<T>(from + c, cols - c) * factor);
}

template <class T, class S>
void store_row(const T* from, int64_t cols, T factor, S* to) {
  for (int64_t c = 0; c < cols; c += kLanes<T>) store_some(to + c, load(from + c) * factor, cols - c);
}
template <class T, class S>
void store_rows(const T* from, int64_t width, int64_t rows, int64_t cols, T factor, S* to) {
  for (int64_t r = 0; r < rows; ++r) store_row(from + r * width, cols, factor, to + r * cols);
}

template <class T, class S>
struct Attention {
  const AttentionArgs& p;
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  int64_t d = round_up(p.depth, kLanes<T>), dv = round_up(p.value_depth, kLanes<T>);
  int64_t wide = round_up(p.value_depth, kCols<T>), keys_up = round_up(p.keys, kKeys),
          blocks = (p.queries + kQueries - 1) / kQueries;

  static const S* at(const void* base, const int64_t* strides, int64_t b, int64_t h) {
    return static_cast<const S*>(base) + b * strides[0] + h * strides[1];
  }
  // How many keys the queries before `end` see.
  int64_t seen(int64_t end) const { return p.causal ? std::min(p.keys, end) : p.keys; }

  // How many of the `cols` keys from j0 query i sees.
  int64_t seen_of(int64_t i, int64_t j0, int64_t cols) const {
    return p.causal ? std::clamp<int64_t>(i + 1 - j0, 0, cols) : cols;
  }

  // Runs strip(row, rows, cols) for the rows of a block, as many at a time as a tile has, and the keys from j0 that
  // they see.
  template <class Strip>
  void for_strips(int64_t i0, int64_t rows, int64_t j0, Strip strip) const {
    const int64_t count = (rows + kRows - 1) / kRows;
    for (int64_t x = 0; x < count; ++x) {
      const int64_t row = rows * x / count, end = rows * (x + 1) / count, cols = std::min(kKeys, seen(i0 + end) - j0);
      if (cols > 0) strip(row, end - row, cols);
    }
  }

  // Adds the mask to the scores of query i and `cols` keys from j0; what lies behind, up to whole vectors, and what is
  // not seen becomes -inf.
  void apply_mask(T* s, int64_t b, int64_t h, int64_t i, int64_t j0, int64_t cols) const {
    if (p.mask) {
      const int64_t* m = p.mask_strides;
      const int64_t start = b * m[0] + h * m[1] + i * m[2] + j0 * m[3];
      if (p.mask_is_bool) {
        const uint8_t* look = static_cast<const uint8_t*>(p.mask) + start;
        for (int64_t c = 0; c < cols; ++c) s[c] = look[c * m[3]] ? s[c] : -kInfinity;
      } else {
        const T* add = static_cast<const T*>(p.mask) + start;
        for (int64_t c = 0; c < cols; ++c) s[c] += add[c * m[3]];
      }
    }
    std::fill(s + seen_of(i, j0, cols), s + round_up(cols, kLanes<T>), -kInfinity);
  }

  template <class Combine>
  static T fold_lanes(Vector<T> v, Combine combine) {
    T lanes[kLanes<T>];
    store(lanes, v);
    for (int half = kLanes<T> / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) lanes[l] = combine(lanes[l], lanes[l + half]);
    return lanes[0];
  }
  // Whole vectors, two at once.
  template <class Combine>
  static T fold(const T* s, int64_t cols, T first, Combine combine) {
    constexpr int w = kLanes<T>;
    Vector<T> even = first - Vector<T>{}, odd = even;
    int64_t c = 0;
    for (; c + 2 * w <= cols; c += 2 * w) even = combine(even, load(s + c)), odd = combine(odd, load(s + c + w));
    if (c < cols) even = combine(even, load(s + c));
    return fold_lanes(combine(even, odd), combine);
  }

  // Rows of scores become exp(score - highest), `sum` and `highest` those of all keys so far; earlier results are
  // scaled accordingly.
  void exponentiate(T* scores, int64_t rows, int64_t cols, T* highest, T* sum, T* out) const {
    T rescale[kRows];
    cols = round_up(cols, kLanes<T>);
    for (int64_t r = 0; r < rows; ++r) {
      const T before = highest[r];
      highest[r] = fold(scores + r * kKeys, cols, before, [](auto x, auto y) FL_ALWAYS { return y > x ? y : x; });
      rescale[r] = before == highest[r] ? T(0) : before - highest[r];
    }
    math::map_run(rescale, rows, [](auto v) FL_ALWAYS { return math::exp_negative(v); }, rescale);
    for (int64_t r = 0; r < rows; ++r) {
      T* s = scores + r * kKeys;
      const T shift = highest[r] == -kInfinity ? T(0) : highest[r];  // nothing to see: exp gives zeros, or NaN for NaN
      math::map_run(s, cols, [=](auto v) FL_ALWAYS { return math::exp_negative(v - decltype(v)(shift)); }, s);
      sum[r] = sum[r] * rescale[r] + fold(s, cols, T(0), [](auto x, auto y) FL_ALWAYS { return x + y; });
      if (rescale[r] != T(1))
        for (int64_t c = 0; c < dv; ++c) out[r * dv + c] *= rescale[r];
    }
  }

  void pack_keys(T* packed, int64_t b, int64_t kv) const {
    pack_panels<T, S>(at(p.k, p.k_strides, b, kv), 1, p.k_strides[2], p.depth, p.keys, packed);
  }

  // Rows of k or v in panels, `keys_up` rows each.
  void pack_rows_of(const S* from, int64_t stride, int64_t depth, T* packed) const {
    for (int64_t c = 0; c < depth; c += kCols<T>, packed += keys_up * kCols<T>)
      pack_panels<T, S>(from + c, stride, 1, p.keys, std::min<int64_t>(kCols<T>, depth - c), packed);
  }

  struct Room {
    T *keys, *values, *q, *scores, *out, *highest, *sum;
  };

  void forward_block(const Room& room, int64_t b, int64_t h, int64_t block) const {
    const int64_t i0 = block * kQueries, rows = std::min(kQueries, p.queries - i0), limit = seen(i0 + rows);
    copy_rows<T, S>(at(p.q, p.q_strides, b, h) + i0 * p.q_strides[2], p.q_strides[2], rows, p.depth, T(p.scale), room.q,
                    d);
    std::fill(room.highest, room.highest + rows, -kInfinity);
    std::fill(room.sum, room.sum + rows, T(0));
    std::fill(room.out, room.out + rows * dv, T(0));
    for (int64_t j0 = 0; j0 < limit; j0 += kKeys)
      for_strips(i0, rows, j0, [&](int64_t row, int64_t count, int64_t cols) {
        product(AKind::kDepthContiguous, room.q + row * d, d, room.keys + j0 * p.depth, kCols<T>, p.depth * kCols<T>,
                room.scores, kKeys, count, round_up(cols, kLanes<T>), p.depth, false);
        for (int64_t r = 0; r < count; ++r) apply_mask(room.scores + r * kKeys, b, h, i0 + row + r, j0, cols);
        exponentiate(room.scores, count, cols, room.highest + row, room.sum + row, room.out + row * dv);
        product(AKind::kDepthContiguous, room.scores, kKeys, room.values + j0 * kCols<T>, kCols<T>, keys_up * kCols<T>,
                room.out + row * dv, dv, count, dv, cols, true);
      });
    const int64_t row = (b * p.heads + h) * p.queries + i0;
    for (int64_t r = 0; r < rows; ++r) {
      const T sum = room.sum[r], factor = sum == T(0) ? T(0) : T(1) / sum;
      static_cast<T*>(p.log_sum)[row + r] = sum == T(0) ? -kInfinity : room.highest[r] + std::log(sum);
      store_row(room.out + r * dv, p.value_depth, factor, static_cast<S*>(p.out) + (row + r) * p.value_depth);
    }
  }

  void forward() const {
    const int64_t group = p.heads / p.kv_heads, items = p.batch * p.heads * blocks;
    const int64_t work = kQueries * p.keys * (p.depth + p.value_depth);
    parallel_for(items, std::max<int64_t>(1, 400000 / std::max<int64_t>(work, 1)), [&](int64_t begin, int64_t end) {
      const int64_t room = keys_up * (p.depth + wide) + kQueries * (d + dv + 2) + kRows * kKeys + 64;
      Room r;
      r.keys = static_cast<T*>(scratch(kSlotAttention, room * sizeof(T)));
      r.scores = r.keys + keys_up * p.depth;  // a multiple of 64 bytes each, but for the last two
      r.values = r.scores + kRows * kKeys;
      r.q = r.values + keys_up * wide;
      r.out = r.q + kQueries * d;
      r.highest = r.out + kQueries * dv;
      r.sum = r.highest + kQueries;
      int64_t packed = -1;
      for (int64_t x = begin; x < end; ++x) {
        const int64_t h = x / blocks % p.heads, b = x / blocks / p.heads, kv = h / group;
        if (packed != b * p.kv_heads + kv) {
          packed = b * p.kv_heads + kv;
          pack_keys(r.keys, b, kv);
          pack_rows_of(at(p.v, p.v_strides, b, kv), p.v_strides[2], p.value_depth, r.values);
        }
        forward_block(r, b, h, x % blocks);
      }
    });
  }

  struct BackRoom {
    T *keys_t, *values_t, *keys, *k_grad, *v_grad, *q, *grad, *q_grad, *scores, *slopes, *dots;
  };

  void backward_block(const BackRoom& m, int64_t b, int64_t h, int64_t block) const {
    const int64_t i0 = block * kQueries, rows = std::min(kQueries, p.queries - i0), limit = seen(i0 + rows);
    const int64_t row = (b * p.heads + h) * p.queries + i0;
    const T* log_sum = static_cast<const T*>(p.log_sum) + row;
    const S* out = static_cast<const S*>(p.out) + row * p.value_depth;
    copy_rows<T, S>(at(p.q, p.q_strides, b, h) + i0 * p.q_strides[2], p.q_strides[2], rows, p.depth, T(p.scale), m.q,
                    d);
    copy_rows<T, S>(at(p.grad, p.grad_strides, b, h) + i0 * p.grad_strides[2], p.grad_strides[2], rows, p.value_depth,
                    T(1), m.grad, dv);
    for (int64_t r = 0; r < rows; ++r) {
      Vector<T> sums{};
      const S* y = out + r * p.value_depth;
      for (int64_t c = 0; c < dv; c += kLanes<T>)
        sums += load(m.grad + r * dv + c) * load_some<T>(y + c, p.value_depth - c);
      m.dots[r] = fold_lanes(sums, [](T x, T y) FL_ALWAYS { return x + y; });
    }
    std::fill(m.q_grad, m.q_grad + rows * d, T(0));
    for (int64_t j0 = 0; j0 < limit; j0 += kKeys) {
      for_strips(i0, rows, j0, [&](int64_t row, int64_t count, int64_t cols) {
        T *scores = m.scores + row * kKeys, *slopes = m.slopes + row * kKeys;
        product(AKind::kDepthContiguous, m.q + row * d, d, m.keys_t + j0 * p.depth, kCols<T>, p.depth * kCols<T>,
                scores, kKeys, count, round_up(cols, kLanes<T>), p.depth, false);
        product(AKind::kDepthContiguous, m.grad + row * dv, dv, m.values_t + j0 * p.value_depth, kCols<T>,
                p.value_depth * kCols<T>, slopes, kKeys, count, round_up(cols, kLanes<T>), p.value_depth, false);
        for (int64_t r = 0; r < count; ++r) {
          T *s = scores + r * kKeys, *g = slopes + r * kKeys;
          apply_mask(s, b, h, i0 + row + r, j0, cols);
          const T sum = log_sum[row + r], shift = sum == -kInfinity ? kInfinity : sum, dot = m.dots[row + r];
          const int64_t width = round_up(cols, kLanes<T>);
          math::for_places<T>(width, [=](auto at) FL_ALWAYS {
            using V = decltype(at(s));
            const V p = math::exp_negative(at(s) - V(shift));
            at.put(s, p);
            at.put(g, p * (at(g) - V(dot)));
          });
          if (p.causal)  // the last row may be the first to see a tile of keys
            for (int64_t c = width; c < std::min(kKeys, width + kRows); c += kLanes<T>)
              store(s + c, Vector<T>{}), store(g + c, Vector<T>{});
        }
        product(AKind::kDepthContiguous, slopes, kKeys, m.keys + j0 * kCols<T>, kCols<T>, keys_up * kCols<T>,
                m.q_grad + row * d, d, count, d, cols, true);
      });
      const int64_t cols = std::min(kKeys, limit - j0), tiles = (cols + kRows - 1) / kRows;
      for (int64_t x = 0; x < tiles; ++x) {
        const int64_t c = cols * x / tiles, keys = cols * (x + 1) / tiles - c;
        const int64_t first = p.causal ? std::max<int64_t>(0, j0 + c - i0) : 0;  // of the rows that see one of them
        const T *scores = m.scores + first * kKeys + c, *slopes = m.slopes + first * kKeys + c;
        product(AKind::kRowContiguous, scores, kKeys, m.grad + first * dv, dv, kCols<T>, m.v_grad + (j0 + c) * dv, dv,
                keys, dv, rows - first, true);
        product(AKind::kRowContiguous, slopes, kKeys, m.q + first * d, d, kCols<T>, m.k_grad + (j0 + c) * d, d, keys, d,
                rows - first, true);
      }
    }
    store_rows<T, S>(m.q_grad, d, rows, p.depth, T(p.scale), static_cast<S*>(p.q_grad) + row * p.depth);
  }

  // The gradients of one head of keys and values belong to one thread, so that sums have one order.
  void backward() const {
    const int64_t group = p.heads / p.kv_heads;
    parallel_for(p.batch * p.kv_heads, 1, [&](int64_t begin, int64_t end) {
      const int64_t room = keys_up * (p.depth + p.value_depth + round_up(p.depth, kCols<T>) + d + dv) +
                           kQueries * (2 * d + dv + 2 * kKeys + 1) + 64;
      BackRoom m;
      m.scores = static_cast<T*>(scratch(kSlotAttention, room * sizeof(T)));
      m.slopes = m.scores + kQueries * kKeys;
      m.keys_t = m.slopes + kQueries * kKeys;
      m.values_t = m.keys_t + keys_up * p.depth;
      m.keys = m.values_t + keys_up * p.value_depth;
      m.k_grad = m.keys + keys_up * round_up(p.depth, kCols<T>);
      m.v_grad = m.k_grad + keys_up * d;
      m.q = m.v_grad + keys_up * dv;
      m.grad = m.q + kQueries * d;
      m.q_grad = m.grad + kQueries * dv;
      m.dots = m.q_grad + kQueries * d;
      for (int64_t x = begin; x < end; ++x) {
        const int64_t b = x / p.kv_heads, kv = x % p.kv_heads;
        pack_keys(m.keys_t, b, kv);
        pack_panels<T, S>(at(p.v, p.v_strides, b, kv), 1, p.v_strides[2], p.value_depth, p.keys, m.values_t);
        pack_rows_of(at(p.k, p.k_strides, b, kv), p.k_strides[2], p.depth, m.keys);
        std::fill(m.k_grad, m.k_grad + p.keys * d, T(0));
        std::fill(m.v_grad, m.v_grad + p.keys * dv, T(0));
        for (int64_t h = kv * group; h < (kv + 1) * group; ++h)
          for (int64_t block = 0; block < blocks; ++block) backward_block(m, b, h, block);
        store_rows<T, S>(m.k_grad, d, p.keys, p.depth, T(1), static_cast<S*>(p.k_grad) + x * p.keys * p.depth);
        store_rows<T, S>(m.v_grad, dv, p.keys, p.value_depth, T(1),
                         static_cast<S*>(p.v_grad) + x * p.keys * p.value_depth);
      }
    });
  }
};

template <class T, class S>
void forward(const AttentionArgs& p) {
  Attention<T, S>{p}.forward();
}
template <class T, class S>
void backward(const AttentionArgs& p) {
  Attention<T, S>{p}.backward();
}

template <class T, class S>
void enter(AttentionKernels& table) {
  table.forward[int(dtype_of<S>::value)] = forward<T, S>;
  table.backward[int(dtype_of<S>::value)] = backward<T, S>;
}

}  // namespace

void register_attention(Kernels& kernels) {
  enter<float, float>(kernels.attention);
  enter<double, double>(kernels.attention);
  enter<float, BFloat16>(kernels.attention);
  enter<float, Float16>(kernels.attention);
}

}  // namespace flambeau::cpu::FL_ISA
