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

// Rows as T, times a factor, filled up with zeros to `width`.
template <class T, class S>
void copy_rows(const S* from, int64_t stride, int64_t rows, int64_t cols, T factor, T* to, int64_t width) {
  for (int64_t r = 0; r < rows; ++r, from += stride, to += width) {
    for (int64_t c = 0; c < cols; ++c) to[c] = T(from[c]) * factor;
    std::fill(to + cols, to + width, T(0));
  }
}

template <class T, class S>
void store_rows(const T* from, int64_t width, int64_t rows, int64_t cols, T factor, S* to) {
  for (int64_t r = 0; r < rows; ++r, from += width, to += cols)
    for (int64_t c = 0; c < cols; ++c) to[c] = S(from[c] * factor);
}

template <class T, class S>
struct Attention {
  const AttentionArgs& p;
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  int64_t d = round_up(p.depth, kLanes<T>), dv = round_up(p.value_depth, kLanes<T>);
  int64_t keys_up = round_up(p.keys, kKeys), blocks = (p.queries + kQueries - 1) / kQueries;

  static const S* at(const void* base, const int64_t* strides, int64_t b, int64_t h) {
    return static_cast<const S*>(base) + b * strides[0] + h * strides[1];
  }
  // How many keys the queries before `end` see.
  int64_t seen(int64_t end) const { return p.causal ? std::min(p.keys, end) : p.keys; }

  // Adds the mask to scores of `rows` queries from i0 and `cols` keys from j0.
  void apply_mask(T* scores, int64_t b, int64_t h, int64_t i0, int64_t rows, int64_t j0, int64_t cols) const {
    for (int64_t r = 0; r < rows; ++r) {
      T* s = scores + r * kKeys;
      if (p.mask) {
        const int64_t* m = p.mask_strides;
        const int64_t start = b * m[0] + h * m[1] + (i0 + r) * m[2] + j0 * m[3];
        if (p.mask_is_bool) {
          const uint8_t* look = static_cast<const uint8_t*>(p.mask) + start;
          for (int64_t c = 0; c < cols; ++c) s[c] = look[c * m[3]] ? s[c] : -kInfinity;
        } else {
          const T* add = static_cast<const T*>(p.mask) + start;
          for (int64_t c = 0; c < cols; ++c) s[c] += add[c * m[3]];
        }
      }
      if (p.causal)
        for (int64_t c = std::max<int64_t>(0, i0 + r + 1 - j0); c < cols; ++c) s[c] = -kInfinity;
    }
  }

  // One row of scores becomes exp(score - highest); returns their sum, and what earlier results must be scaled by.
  static T exponentiate(T* s, int64_t cols, T& highest, T& rescale) {
    constexpr int w = kLanes<T>;
    T top[w];
    std::fill(top, top + w, highest);
    int64_t c = 0;
    for (; c + w <= cols; c += w)
      for (int l = 0; l < w; ++l) top[l] = s[c + l] > top[l] ? s[c + l] : top[l];
    for (; c < cols; ++c) top[0] = s[c] > top[0] ? s[c] : top[0];
    const T before = highest;
    for (T t : top) highest = t > highest ? t : highest;
    const T shift = highest == -kInfinity ? T(0) : highest;  // nothing to see yet: exp gives zeros, or NaN for NaN
    rescale = before == highest ? T(1) : before == -kInfinity ? T(0) : std::exp(before - highest);
    math::map_run(s, cols, [=](auto v) FL_ALWAYS { return math::exp_negative(v - decltype(v)(shift)); }, s);
    T sums[w] = {};
    for (c = 0; c + w <= cols; c += w)
      for (int l = 0; l < w; ++l) sums[l] += s[c + l];
    for (; c < cols; ++c) sums[0] += s[c];
    for (int half = w / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) sums[l] += sums[l + half];
    return sums[0];
  }

  void pack_keys(T* packed, int64_t b, int64_t kv) const {
    pack_panels<T, S>(at(p.k, p.k_strides, b, kv), 1, p.k_strides[2], p.depth, p.keys, packed);
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
    if (limit == 0) std::fill(room.out, room.out + rows * dv, T(0));
    for (int64_t j0 = 0; j0 < limit; j0 += kKeys) {
      const int64_t cols = std::min(kKeys, limit - j0);
      product(AKind::kDepthContiguous, room.q, d, room.keys + j0 * p.depth, kCols<T>, p.depth * kCols<T>, room.scores,
              kKeys, rows, round_up(cols, kLanes<T>), p.depth, false);
      if (p.mask || (p.causal && j0 + cols > i0)) apply_mask(room.scores, b, h, i0, rows, j0, cols);
      for (int64_t r = 0; r < rows; ++r) {
        T rescale;
        const T sum = exponentiate(room.scores + r * kKeys, cols, room.highest[r], rescale);
        room.sum[r] = room.sum[r] * rescale + sum;
        if (j0 > 0 && rescale != T(1))
          for (int64_t c = 0; c < dv; ++c) room.out[r * dv + c] *= rescale;
      }
      product(AKind::kDepthContiguous, room.scores, kKeys, room.values + j0 * dv, dv, kCols<T>, room.out, dv, rows, dv,
              cols, j0 > 0);
    }
    const int64_t row = (b * p.heads + h) * p.queries + i0;
    for (int64_t r = 0; r < rows; ++r) {
      const T sum = room.sum[r], factor = sum == T(0) ? T(0) : T(1) / sum;
      static_cast<T*>(p.log_sum)[row + r] = sum == T(0) ? -kInfinity : room.highest[r] + std::log(sum);
      S* out = static_cast<S*>(p.out) + (row + r) * p.value_depth;
      for (int64_t c = 0; c < p.value_depth; ++c) out[c] = S(room.out[r * dv + c] * factor);
    }
  }

  void forward() const {
    const int64_t group = p.heads / p.kv_heads, items = p.batch * p.heads * blocks;
    const int64_t work = kQueries * p.keys * (p.depth + p.value_depth);
    parallel_for(items, std::max<int64_t>(1, 400000 / std::max<int64_t>(work, 1)), [&](int64_t begin, int64_t end) {
      const int64_t room = keys_up * (p.depth + dv) + kQueries * (d + dv + kKeys + 2) + 64;
      Room r;
      r.keys = static_cast<T*>(scratch(kSlotAttention, room * sizeof(T)));
      r.scores = r.keys + keys_up * p.depth;  // a multiple of 64 bytes each, but for the last two
      r.values = r.scores + kQueries * kKeys;
      r.q = r.values + keys_up * dv;
      r.out = r.q + kQueries * d;
      r.highest = r.out + kQueries * dv;
      r.sum = r.highest + kQueries;
      int64_t packed = -1;
      for (int64_t x = begin; x < end; ++x) {
        const int64_t h = x / blocks % p.heads, b = x / blocks / p.heads, kv = h / group;
        if (packed != b * p.kv_heads + kv) {
          packed = b * p.kv_heads + kv;
          pack_keys(r.keys, b, kv);
          copy_rows<T, S>(at(p.v, p.v_strides, b, kv), p.v_strides[2], p.keys, p.value_depth, T(1), r.values, dv);
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
      T dot = 0;
      for (int64_t c = 0; c < p.value_depth; ++c) dot += m.grad[r * dv + c] * T(out[r * p.value_depth + c]);
      m.dots[r] = dot;
    }
    if (limit == 0) std::fill(m.q_grad, m.q_grad + rows * d, T(0));
    for (int64_t j0 = 0; j0 < limit; j0 += kKeys) {
      const int64_t cols = std::min(kKeys, limit - j0), width = round_up(cols, kLanes<T>);
      product(AKind::kDepthContiguous, m.q, d, m.keys_t + j0 * p.depth, kCols<T>, p.depth * kCols<T>, m.scores, kKeys,
              rows, width, p.depth, false);
      if (p.mask || (p.causal && j0 + cols > i0)) apply_mask(m.scores, b, h, i0, rows, j0, cols);
      product(AKind::kDepthContiguous, m.grad, dv, m.values_t + j0 * p.value_depth, kCols<T>, p.value_depth * kCols<T>,
              m.slopes, kKeys, rows, width, p.value_depth, false);
      for (int64_t r = 0; r < rows; ++r) {
        const T shift = log_sum[r] == -kInfinity ? kInfinity : log_sum[r], dot = m.dots[r];
        T *s = m.scores + r * kKeys, *g = m.slopes + r * kKeys;
        math::for_places<T>(cols, [=](auto at) FL_ALWAYS {
          using V = decltype(at(s));
          const V p = math::exp_negative(at(s) - V(shift));
          at.put(s, p);
          at.put(g, p * (at(g) - V(dot)));
        });
      }
      product(AKind::kRowContiguous, m.scores, kKeys, m.grad, dv, kCols<T>, m.v_grad + j0 * dv, dv, cols, dv, rows,
              true);
      product(AKind::kRowContiguous, m.slopes, kKeys, m.q, d, kCols<T>, m.k_grad + j0 * d, d, cols, d, rows, true);
      product(AKind::kDepthContiguous, m.slopes, kKeys, m.keys + j0 * d, d, kCols<T>, m.q_grad, d, rows, d, cols,
              j0 > 0);
    }
    store_rows<T, S>(m.q_grad, d, rows, p.depth, T(p.scale), static_cast<S*>(p.q_grad) + row * p.depth);
  }

  // The gradients of one head of keys and values belong to one thread, so that sums have one order.
  void backward() const {
    const int64_t group = p.heads / p.kv_heads;
    parallel_for(p.batch * p.kv_heads, 1, [&](int64_t begin, int64_t end) {
      const int64_t room =
          keys_up * (p.depth + p.value_depth + 2 * d + dv) + kQueries * (2 * d + dv + 2 * kKeys + 1) + 64;
      BackRoom m;
      m.scores = static_cast<T*>(scratch(kSlotAttention, room * sizeof(T)));
      m.slopes = m.scores + kQueries * kKeys;
      m.keys_t = m.slopes + kQueries * kKeys;
      m.values_t = m.keys_t + keys_up * p.depth;
      m.keys = m.values_t + keys_up * p.value_depth;
      m.k_grad = m.keys + keys_up * d;
      m.v_grad = m.k_grad + keys_up * d;
      m.q = m.v_grad + keys_up * dv;
      m.grad = m.q + kQueries * d;
      m.q_grad = m.grad + kQueries * dv;
      m.dots = m.q_grad + kQueries * d;
      for (int64_t x = begin; x < end; ++x) {
        const int64_t b = x / p.kv_heads, kv = x % p.kv_heads;
        pack_keys(m.keys_t, b, kv);
        pack_panels<T, S>(at(p.v, p.v_strides, b, kv), 1, p.v_strides[2], p.value_depth, p.keys, m.values_t);
        copy_rows<T, S>(at(p.k, p.k_strides, b, kv), p.k_strides[2], p.keys, p.depth, T(1), m.keys, d);
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
