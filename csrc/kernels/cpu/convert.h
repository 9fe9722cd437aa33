// Runs of elements of any dtype, with any stride, to and from the compute types.
#pragma once
#include <algorithm>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "core/kernels/pointwise.h"

namespace flambeau::cpu::FL_ISA {

template <class To, class From>
inline To convert(From v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (requires { v.imag(); }) {
    if constexpr (requires(To t) { t.imag(); }) {
      return To(v.real(), v.imag());
    } else if constexpr (std::is_same_v<To, bool>) {
      return v.real() != 0 || v.imag() != 0;
    } else {
      return convert<To>(v.real());
    }
  } else if constexpr (requires(To t) { t.imag(); }) {
    return To(convert<typename To::value_type>(v), 0);
  } else if constexpr (!std::is_arithmetic_v<From>) {
    return convert<To>(static_cast<float>(v));
  } else if constexpr (!std::is_arithmetic_v<To>) {
    return To(static_cast<float>(v));
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Out of range is undefined in C++; through a wide signed integer it is what the machine does.
    if constexpr (sizeof(To) < 4) {
      return static_cast<To>(static_cast<int32_t>(v));
    } else if constexpr (std::is_same_v<To, uint64_t>) {
      return v < From(9.2233720368547758e18) ? static_cast<To>(static_cast<int64_t>(v)) : static_cast<To>(v);
    } else {
      return static_cast<To>(static_cast<int64_t>(v));
    }
  } else {
    return static_cast<To>(v);
  }
}

#ifdef __AVX512F__
// The processor's own conversions of halves, 16 at a time; the rest one by one. Returns how many are done. (With a
// mask, because GCC 12 warns of a variable in its header otherwise.)
inline int64_t convert_many(float* y, const Float16* x, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(y + i,
                     _mm512_maskz_cvtph_ps(__mmask16(-1), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i))));
  return i;
}
inline int64_t convert_many(Float16* y, const float* x, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i),
                        _mm512_maskz_cvtps_ph(__mmask16(-1), _mm512_loadu_ps(x + i), 0));
  return i;
}
#endif
template <class To, class From>
inline int64_t convert_many(To*, const From*, int64_t) {
  return 0;
}

// n elements from `from` (a step of bytes apart) to `to`.
using RunFn = void (*)(void* to, int64_t to_step, const void* from, int64_t from_step, int64_t n);

template <class To, class From>
void convert_run(void* to, int64_t to_step, const void* from, int64_t from_step, int64_t n) {
  if (to_step == static_cast<int64_t>(sizeof(To)) && from_step == static_cast<int64_t>(sizeof(From))) {
    auto* __restrict y = static_cast<To*>(to);
    auto* __restrict x = static_cast<const From*>(from);
    for (int64_t i = convert_many(y, x, n); i < n; i++) y[i] = convert<To>(x[i]);
    return;
  }
  if (to_step == static_cast<int64_t>(sizeof(To)) && from_step == 0) {  // one element for all
    if (n) std::fill_n(static_cast<To*>(to), n, convert<To>(*static_cast<const From*>(from)));
    return;
  }
  auto* y = static_cast<char*>(to);
  auto* x = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; i++, y += to_step, x += from_step)
    *reinterpret_cast<To*>(y) = convert<To>(*reinterpret_cast<const From*>(x));
}

// Between a dtype and a compute type. Defined in convert.cpp.
RunFn load_run(DType from, Compute to);
RunFn store_run(Compute from, DType to);

}  // namespace flambeau::cpu::FL_ISA
