// The loops of the pointwise primitives, made from pointwise.def.
#include "kernels/cpu/math.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

// Which compute types an op's `types` names.
enum : int { F = 1, I = 2, C = 4, FI = F | I, FC = F | C, IC = I | C, FIC = F | I | C };

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

#define UNARY(name, nparams, types, result, formula, ...)                                                     \
  struct name##_tile {                                                                                        \
    static constexpr int kTypes = types;                                                                      \
    template <class T>                                                                                        \
    static void run(void* out, const void* const* in, [[maybe_unused]] const double* p, int64_t n) {          \
      using R = typename result_of<T, Result::result>::type;                                                  \
      auto* y = static_cast<R*>(out);                                                                         \
      auto* xs = static_cast<const T*>(in[0]);                                                                \
      _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                                  \
        const T x = xs[i];                                                                                    \
        y[i] = static_cast<R>(formula);                                                                       \
      }                                                                                                       \
    }                                                                                                         \
  };
#define BINARY(name, nparams, types, result, formula, ...)                                                    \
  struct name##_tile {                                                                                        \
    static constexpr int kTypes = types;                                                                      \
    template <class T>                                                                                        \
    static void run(void* out, const void* const* in, [[maybe_unused]] const double* p, int64_t n) {          \
      using R = typename result_of<T, Result::result>::type;                                                  \
      auto* y = static_cast<R*>(out);                                                                         \
      auto* as = static_cast<const T*>(in[0]);                                                                \
      auto* bs = static_cast<const T*>(in[1]);                                                                \
      _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                                  \
        const T a = as[i], b = bs[i];                                                                         \
        y[i] = static_cast<R>(formula);                                                                       \
      }                                                                                                       \
    }                                                                                                         \
  };
#define TERNARY(name, nparams, types, result, formula, ...)                                                   \
  struct name##_tile {                                                                                        \
    static constexpr int kTypes = types;                                                                      \
    template <class T>                                                                                        \
    static void run(void* out, const void* const* in, [[maybe_unused]] const double* p, int64_t n) {          \
      using R = typename result_of<T, Result::result>::type;                                                  \
      auto* y = static_cast<R*>(out);                                                                         \
      auto* as = static_cast<const T*>(in[0]);                                                                \
      auto* bs = static_cast<const T*>(in[1]);                                                                \
      auto* cs = static_cast<const T*>(in[2]);                                                                \
      _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                                  \
        const T a = as[i], b = bs[i], c = cs[i];                                                              \
        y[i] = static_cast<R>(formula);                                                                       \
      }                                                                                                       \
    }                                                                                                         \
  };
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

template <class Op, class T>
constexpr TileFn entry() {
  if constexpr ((Op::kTypes & type_bit<T>::value) != 0) {
    return &Op::template run<T>;
  } else {
    return nullptr;
  }
}

template <class Op>
void enter(Kernels& kernels, PointwiseOp op) {
  auto& row = kernels.pointwise.tile[static_cast<int>(op)];
  row[0] = entry<Op, float>();
  row[1] = entry<Op, double>();
  row[2] = entry<Op, int64_t>();
  row[3] = entry<Op, std::complex<float>>();
  row[4] = entry<Op, std::complex<double>>();
}

}  // namespace

void register_pointwise(Kernels& kernels) {
#define UNARY(name, ...) enter<name##_tile>(kernels, PointwiseOp::name);
#define BINARY(name, ...) enter<name##_tile>(kernels, PointwiseOp::name);
#define TERNARY(name, ...) enter<name##_tile>(kernels, PointwiseOp::name);
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
}

}  // namespace flambeau::cpu::FL_ISA
