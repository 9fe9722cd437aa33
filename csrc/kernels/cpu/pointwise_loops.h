// The loops of the pointwise primitives, made from pointwise.def. To build in parallel, pointwise_N.cpp includes this
// with FL_SHARD = N and holds every fourth op.
#pragma once
#include "kernels/cpu/floats.h"
#include "kernels/cpu/formulas.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/stream.h"

namespace flambeau::cpu::FL_ISA {

namespace {

using namespace pointwise_types;

template <class T>
struct type_bit {
  static constexpr int value = C;
};
template <>
struct type_bit<float> {
  static constexpr int value = F;
};
template <>
struct type_bit<double> {
  static constexpr int value = F;
};
template <>
struct type_bit<int64_t> {
  static constexpr int value = I;
};
template <>
struct type_bit<uint8_t> {  // stands for bool, as a byte that is 0 or 1
  static constexpr int value = B;
};

template <class T>
struct real_of {
  using type = T;
};
template <class T>
struct real_of<std::complex<T>> {
  using type = T;
};

template <class T>
inline T conjugate(T x) {
  if constexpr (type_bit<T>::value == C) return std::conj(x);
  return x;
}
template <class T>
inline typename real_of<T>::type real_part(T x) {
  if constexpr (type_bit<T>::value == C) {
    return x.real();
  } else {
    return x;
  }
}

// The element type of a result.
enum class Result { SAME, FLOAT, BOOL, REAL, FREAL, CPLX };
template <class T, Result R>
struct result_of {
  using type = T;
};
template <class T>
struct result_of<T, Result::BOOL> {
  using type = bool;
};
template <class T>
struct result_of<T, Result::REAL> : real_of<T> {};
template <class T>
struct result_of<T, Result::FREAL> : real_of<T> {};
template <class T>
struct result_of<T, Result::CPLX> {
  using type = std::complex<typename real_of<T>::type>;
};

#define UNARY(name, nparams, types, result, formula, ...)                     \
  struct name##_formula {                                                     \
    static constexpr int kTypes = types, kParams = nparams;                   \
    template <class T>                                                        \
    using Out = typename result_of<T, Result::result>::type;                  \
    template <class T>                                                        \
    FL_INLINE static Out<T> of(const T x, [[maybe_unused]] const double* p) { \
      return static_cast<Out<T>>(formula);                                    \
    }                                                                         \
  };
#define BINARY(name, nparams, types, result, formula, ...)                               \
  struct name##_formula {                                                                \
    static constexpr int kTypes = types, kParams = nparams;                              \
    template <class T>                                                                   \
    using Out = typename result_of<T, Result::result>::type;                             \
    template <class T>                                                                   \
    FL_INLINE static Out<T> of(const T a, const T b, [[maybe_unused]] const double* p) { \
      return static_cast<Out<T>>(formula);                                               \
    }                                                                                    \
  };
#define TERNARY(name, nparams, types, result, formula, ...)                                         \
  struct name##_formula {                                                                           \
    static constexpr int kTypes = types, kParams = nparams;                                         \
    template <class T>                                                                              \
    using Out = typename result_of<T, Result::result>::type;                                        \
    template <class T>                                                                              \
    FL_INLINE static Out<T> of(const T a, const T b, const T c, [[maybe_unused]] const double* p) { \
      return static_cast<Out<T>>(formula);                                                          \
    }                                                                                               \
  };
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

// Ops whose formulas floats.h can compute by the block.
template <class Op>
inline constexpr bool in_blocks = false;
#define IN_BLOCKS(name) \
  template <>           \
  inline constexpr bool in_blocks<name##_formula> = true;
IN_BLOCKS(exp)
IN_BLOCKS(log)
IN_BLOCKS(log1p)
IN_BLOCKS(log2)
IN_BLOCKS(log10)
IN_BLOCKS(logit)
IN_BLOCKS(tanh)
IN_BLOCKS(sin)
IN_BLOCKS(cos)
IN_BLOCKS(tan)
IN_BLOCKS(sinc)
IN_BLOCKS(asin)
IN_BLOCKS(acos)
IN_BLOCKS(erf)
IN_BLOCKS(erfinv)
IN_BLOCKS(ndtri)
IN_BLOCKS(ndtr)
IN_BLOCKS(sigmoid)
IN_BLOCKS(log_sigmoid)
IN_BLOCKS(softplus)
IN_BLOCKS(silu)
IN_BLOCKS(mish)
IN_BLOCKS(gelu)
IN_BLOCKS(gelu_tanh)
IN_BLOCKS(silu_backward)
IN_BLOCKS(gelu_backward)
IN_BLOCKS(gelu_tanh_backward)

// Arguments for which an op's vector formula does not hold: a test, and what to compute instead.
template <class Op>
struct Rare {
  static constexpr bool any = false;
};
#define RARE_UNARY(name, is_rare, instead) \
  template <>                              \
  struct Rare<name##_formula> {            \
    static constexpr bool any = true;      \
    template <class T>                     \
    FL_INLINE static bool test(T x) {      \
      return is_rare;                      \
    }                                      \
    template <class T>                     \
    static T slow(T x) {                   \
      return instead;                      \
    }                                      \
  };
RARE_UNARY(sin, math::sin_rare(x), math::sin_slow(x))
RARE_UNARY(cos, math::sin_rare(x), math::cos_slow(x))
RARE_UNARY(tan, math::sin_rare(x), math::tan_slow(x))
#define RARE_BINARY(name, instead)                  \
  template <>                                       \
  struct Rare<name##_formula> {                     \
    static constexpr bool any = true;               \
    template <class T>                              \
    FL_INLINE static bool test(T a, T b) {          \
      return math::fmod_rare(a, b);                 \
    }                                               \
    template <class T>                              \
    static T slow(T a, T b) {                       \
      [[maybe_unused]] T m = math::fmod_slow(a, b); \
      return instead;                               \
    }                                               \
  };
RARE_BINARY(fmod, m)
RARE_BINARY(remainder, math::remainder_from_fmod(m, b))
RARE_BINARY(div_floor, math::floor_divide_from_fmod(a, b, m))
RARE_BINARY(floor_divide, math::floor_divide_from_fmod(a, b, m))

template <class Op, class Out, class... In>
FL_INLINE void plain_run(Out* y, int64_t n, const double* p, const In*... in) {
  if constexpr (in_blocks<Op> && (std::is_same_v<In, float> && ...)) {
    math::map_run(y, n, [&](auto... x) FL_ALWAYS { return Op::of(x..., p); }, in...);
  } else {
    using Kept = std::conditional_t<(std::is_same_v<In, uint8_t> || ...), bool, Out>;
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) y[i] = static_cast<Kept>(Op::of(in[i]..., p));
  }
}

// Long loops ask for memory ahead: from the third-level cache that is a fifth faster than what the processor does by
// itself.
constexpr int64_t kLong = 32 << 10;

// A loop over blocks: those with rare arguments are computed again, one by one.
template <class Op, class Out, class... In>
void tile_with_rare(Out* y, int64_t n, const double* p, const In*... in) {
  constexpr int64_t kBlock = 256;
  for (int64_t start = 0; start < n; start += kBlock) {
    int64_t stop = std::min(n, start + kBlock);
    if (n >= kLong) ask_for(y + start + 2 * kBlock, kBlock), (ask_for(in + start + 2 * kBlock, kBlock), ...);
    int rare = 0;
    for (int64_t i = start; i < stop; i++) rare |= Rare<Op>::test(in[i]...);
    if (!rare) [[likely]] {
      plain_run<Op>(y + start, stop - start, p, (in + start)...);
    } else {
      Out common[kBlock];
      plain_run<Op>(common, stop - start, p, (in + start)...);
      for (int64_t i = start; i < stop; i++)
        y[i] = Rare<Op>::test(in[i]...) ? Rare<Op>::slow(in[i]...) : common[i - start];
    }
  }
}

template <class Op, class... In>
FL_INLINE void tile_over(void* out, const double* params, int64_t n, const In*... in) {
  using T = std::common_type_t<In...>;
  using Out = typename Op::template Out<T>;
  auto* y = static_cast<Out*>(out);
  double p[Op::kParams + 1] = {};  // copied, so that no store can change them
  for (int k = 0; k < Op::kParams; k++) p[k] = params[k];
  if constexpr (Rare<Op>::any && std::is_floating_point_v<T>) {
    tile_with_rare<Op>(y, n, p, in...);
  } else {
    const bool ask = n >= kLong && !(in_blocks<Op> && std::is_same_v<T, float>);  // blocks ask by themselves
    const int64_t step = ask ? 1024 / int64_t(sizeof(T)) : n;
    for (int64_t start = 0; start < n; start += step) {
      if (ask) ask_for(y + start + 2 * step, step), (ask_for(in + start + 2 * step, step), ...);
      plain_run<Op>(y + start, std::min(step, n - start), p, (in + start)...);
    }
  }
}

#define UNARY(name, ...)                                                                       \
  template <class T>                                                                           \
  void tile_of(name##_formula, void* out, const void* const* in, const double* p, int64_t n) { \
    tile_over<name##_formula>(out, p, n, static_cast<const T*>(in[0]));                        \
  }
#define BINARY(name, ...)                                                                             \
  template <class T>                                                                                  \
  void tile_of(name##_formula, void* out, const void* const* in, const double* p, int64_t n) {        \
    tile_over<name##_formula>(out, p, n, static_cast<const T*>(in[0]), static_cast<const T*>(in[1])); \
  }
#define TERNARY(name, ...)                                                                           \
  template <class T>                                                                                 \
  void tile_of(name##_formula, void* out, const void* const* in, const double* p, int64_t n) {       \
    tile_over<name##_formula>(out, p, n, static_cast<const T*>(in[0]), static_cast<const T*>(in[1]), \
                              static_cast<const T*>(in[2]));                                         \
  }
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

template <class Op, class T>
constexpr TileFn entry() {
  if constexpr ((Op::kTypes & type_bit<T>::value) != 0) {
    return [](void* out, const void* const* in, const double* p, int64_t n) { tile_of<T>(Op(), out, in, p, n); };
  } else {
    return nullptr;
  }
}

template <class Op, PointwiseOp op>
void enter(Kernels& kernels) {
  if constexpr (static_cast<int>(op) % 4 == FL_SHARD) {
    auto& row = kernels.pointwise.tile[static_cast<int>(op)];
    row[0] = entry<Op, float>();
    row[1] = entry<Op, double>();
    row[2] = entry<Op, int64_t>();
    row[3] = entry<Op, std::complex<float>>();
    row[4] = entry<Op, std::complex<double>>();
    row[5] = entry<Op, uint8_t>();
  }
}

}  // namespace

#define FL_JOIN(a, b) FL_JOIN_(a, b)
#define FL_JOIN_(a, b) a##b
void FL_JOIN(register_pointwise_, FL_SHARD)(Kernels& kernels) {
#define UNARY(name, ...) enter<name##_formula, PointwiseOp::name>(kernels);
#define BINARY(name, ...) UNARY(name)
#define TERNARY(name, ...) UNARY(name)
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
}

}  // namespace flambeau::cpu::FL_ISA
