// The optimizers' update formulas, one pass over memory each. Operations and roundings are those of the formula written
// with tensor ops in flambeau/optim, so that both give the same bits; this file is compiled without contraction.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t kChunk = 8192;   // elements of one tensor that one task updates
constexpr int64_t kAlone = 32768;  // fewer elements in all stay on the caller's thread

// a * b + c as the tensor ops have it: rounded once where there is an instruction for it.
template <class T>
inline T fused(T a, T b, T c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  if constexpr (sizeof(T) == 4) return __builtin_fmaf(a, b, c);
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// lerp with a weight that does not change.
template <class T>
struct Mean {
  T weight, rest;
  bool small;
  explicit Mean(double w) : weight(T(w)), rest(weight - T(1)), small(std::abs(weight) < T(0.5)) {}
  T operator()(T from, T to) const { return small ? fused(weight, to - from, from) : fused(rest, to - from, to); }
};

// Elements [i, end) of one tensor. The flags are constants of the loop: each combination is a loop without branches.
template <class T, bool Decay, int Momentum>  // 0: none, 1: plain, 2: Nesterov
void sgd(const OptimOptions& o, const OptimTensor& t, int64_t i, int64_t end) {
  T* __restrict p = static_cast<T*>(t.param);
  const T* __restrict grad = static_cast<const T*>(t.grad);
  T* __restrict buffer = static_cast<T*>(t.state[0]);
  const T sign = o.maximize ? -1 : 1, decay = T(o.weight_decay), rate = T(-t.rate);
  const T momentum = T(o.momentum), fresh = T(t.root);
  for (; i < end; i++) {
    T g = sign * grad[i];
    if constexpr (Decay) g = fused(decay, p[i], g);
    if constexpr (Momentum > 0) {
      T b = fused(fresh, g, buffer[i] * momentum);
      buffer[i] = b;
      g = Momentum == 2 ? fused(momentum, b, g) : b;
    }
    p[i] = fused(rate, g, p[i]);
  }
}

template <class T, bool Decay, bool Amsgrad>
void adam(const OptimOptions& o, const OptimTensor& t, int64_t i, int64_t end) {
  T* __restrict p = static_cast<T*>(t.param);
  const T* __restrict grad = static_cast<const T*>(t.grad);
  T* __restrict average = static_cast<T*>(t.state[0]);
  T* __restrict square = static_cast<T*>(t.state[1]);
  T* __restrict largest = static_cast<T*>(t.state[2]);
  const T sign = o.maximize ? -1 : 1, decay = T(o.weight_decay), shrink = T(o.shrink), rate = T(-t.rate),
          root = T(t.root), beta2 = T(o.beta2), weight2 = T(1 - o.beta2), eps = T(o.eps);
  const Mean<T> mean(1 - o.beta1);
  for (; i < end; i++) {
    T value = p[i] * shrink, g = sign * grad[i];
    if constexpr (Decay) g = fused(decay, value, g);
    T m = mean(average[i], g);
    T v = fused(weight2 * g, g, square[i] * beta2);
    average[i] = m;
    square[i] = v;
    if constexpr (Amsgrad) {
      // As maximum(largest, v): NaN wins.
      T before = largest[i];
      v = (before > v) | (before != before) ? before : v;
      largest[i] = v;
    }
    p[i] = value + rate * m / (std::sqrt(v) / root + eps);
  }
}

template <class T, bool Decay, bool Centered, bool Momentum>
void rmsprop(const OptimOptions& o, const OptimTensor& t, int64_t i, int64_t end) {
  T* __restrict p = static_cast<T*>(t.param);
  const T* __restrict grad = static_cast<const T*>(t.grad);
  T* __restrict square = static_cast<T*>(t.state[0]);
  T* __restrict buffer = static_cast<T*>(t.state[1]);
  T* __restrict average = static_cast<T*>(t.state[2]);
  const T sign = o.maximize ? -1 : 1, decay = T(o.weight_decay), rate = T(-t.rate), momentum = T(o.momentum);
  const T alpha = T(o.beta2), weight = T(1 - o.beta2), eps = T(o.eps);
  const Mean<T> mean(1 - o.beta2);
  for (; i < end; i++) {
    T g = sign * grad[i];
    if constexpr (Decay) g = fused(decay, p[i], g);
    T v = fused(weight * g, g, square[i] * alpha);
    square[i] = v;
    if constexpr (Centered) {
      T m = mean(average[i], g);
      average[i] = m;
      v = fused(-m, m, v);
    }
    T root = std::sqrt(v) + eps;
    if constexpr (Momentum) {
      T b = buffer[i] * momentum + g / root;
      buffer[i] = b;
      p[i] = fused(rate, b, p[i]);
    } else {
      p[i] += rate * g / root;
    }
  }
}

template <class T, bool Decay>
void adagrad(const OptimOptions& o, const OptimTensor& t, int64_t i, int64_t end) {
  T* __restrict p = static_cast<T*>(t.param);
  const T* __restrict grad = static_cast<const T*>(t.grad);
  T* __restrict total = static_cast<T*>(t.state[0]);
  const T sign = o.maximize ? -1 : 1, decay = T(o.weight_decay), rate = T(-t.rate), eps = T(o.eps);
  for (; i < end; i++) {
    T g = sign * grad[i];
    if constexpr (Decay) g = fused(decay, p[i], g);
    T s = fused(g, g, total[i]);
    total[i] = s;
    p[i] += rate * g / (std::sqrt(s) + eps);
  }
}

using Loop = void (*)(const OptimOptions&, const OptimTensor&, int64_t, int64_t);

template <class T>
Loop choose(OptimRule rule, const OptimOptions& o) {
  const bool decay = o.weight_decay != 0, momentum = o.momentum != 0;
  switch (rule) {
    case OptimRule::SGD:
      if (!momentum) return decay ? sgd<T, true, 0> : sgd<T, false, 0>;
      if (o.nesterov) return decay ? sgd<T, true, 2> : sgd<T, false, 2>;
      return decay ? sgd<T, true, 1> : sgd<T, false, 1>;
    case OptimRule::Adam:
      if (o.amsgrad) return decay ? adam<T, true, true> : adam<T, false, true>;
      return decay ? adam<T, true, false> : adam<T, false, false>;
    case OptimRule::RMSprop:
      if (o.centered && momentum) return decay ? rmsprop<T, true, true, true> : rmsprop<T, false, true, true>;
      if (o.centered) return decay ? rmsprop<T, true, true, false> : rmsprop<T, false, true, false>;
      if (momentum) return decay ? rmsprop<T, true, false, true> : rmsprop<T, false, false, true>;
      return decay ? rmsprop<T, true, false, false> : rmsprop<T, false, false, false>;
    default:
      return decay ? adagrad<T, true> : adagrad<T, false>;
  }
}

// The tensors one after the other, cut in chunks that threads take.
template <class T, OptimRule Rule>
void step(const OptimOptions& o, const OptimTensor* tensors, int64_t count) {
  Loop loop = choose<T>(Rule, o);
  int64_t total = 0;
  for (int64_t k = 0; k < count; k++) total += tensors[k].n;
  if (total <= kAlone) {
    for (int64_t k = 0; k < count; k++) loop(o, tensors[k], 0, tensors[k].n);
    return;
  }
  std::vector<int64_t> ends(count);  // of the tensors, counted in chunks
  int64_t chunks = 0;
  for (int64_t k = 0; k < count; k++) ends[k] = chunks += (tensors[k].n + kChunk - 1) / kChunk;
  parallel_for(chunks, 4, [&](int64_t begin, int64_t end) {
    int64_t k = std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin();
    for (; begin < end; k++) {
      int64_t first = k ? ends[k - 1] : 0, stop = std::min(end, ends[k]);
      if (begin < stop) loop(o, tensors[k], (begin - first) * kChunk, std::min(tensors[k].n, (stop - first) * kChunk));
      begin = std::max(begin, stop);
    }
  });
}

template <OptimRule Rule>
void enter(OptimKernels& table) {
  table.step[static_cast<int>(Rule)][0] = step<float, Rule>;
  table.step[static_cast<int>(Rule)][1] = step<double, Rule>;
}

}  // namespace

void register_optim(Kernels& kernels) {
  enter<OptimRule::SGD>(kernels.optim);
  enter<OptimRule::Adam>(kernels.optim);
  enter<OptimRule::RMSprop>(kernels.optim);
  enter<OptimRule::Adagrad>(kernels.optim);
}

}  // namespace flambeau::cpu::FL_ISA
