// The narrow floating-point types: plain 16- and 8-bit structs that convert to and from float, rounding to
// nearest even. The conversions are branch-free, so that a loop over them becomes vector code.
#pragma once
#include <bit>
#include <cstdint>

namespace flambeau {

// Always inlined: kernels are compiled once per instruction set, and must not share one out-of-line copy.
#define FL_INLINE [[gnu::always_inline]] inline

namespace narrow {

FL_INLINE uint16_t to_bfloat16(float x) {
  uint32_t u = std::bit_cast<uint32_t>(x);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return uint16_t(x != x ? 0x7fc0u : rounded);
}

FL_INLINE float from_bfloat16(uint16_t b) { return std::bit_cast<float>(uint32_t(b) << 16); }

// A format with `Exp` exponent and `Man` mantissa bits and IEEE's infinities; `Nan` is its quiet NaN.
// Below the smallest normal value, adding a power of two lets the float adder do the rounding.
template <int Exp, int Man, uint32_t Nan>
FL_INLINE uint32_t to_ieee(float x) {
  constexpr uint32_t bias = (1u << (Exp - 1)) - 1;
  constexpr uint32_t infinity = ((1u << Exp) - 1) << Man;
  constexpr uint32_t overflow = (127u + bias + 1) << 23;
  constexpr uint32_t smallest_normal = (127u - bias + 1) << 23;
  constexpr uint32_t magic = (127u - bias + 1 + 23 - Man) << 23;
  uint32_t u = std::bit_cast<uint32_t>(x);
  uint32_t sign = (u >> 31) << (Exp + Man);
  uint32_t a = u & 0x7fffffffu;
  uint32_t normal = (a - ((127u - bias) << 23) + ((1u << (22 - Man)) - 1) + ((a >> (23 - Man)) & 1u)) >> (23 - Man);
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(a) + std::bit_cast<float>(magic)) - magic;
  uint32_t r = a < smallest_normal ? subnormal : normal;
  r = a >= overflow ? infinity : r;
  r = a > 0x7f800000u ? Nan : r;
  return r | sign;
}

template <int Exp, int Man>
FL_INLINE float from_ieee(uint32_t b) {
  constexpr uint32_t bias = (1u << (Exp - 1)) - 1;
  constexpr float scale = std::bit_cast<float>((127u + 127u - bias) << 23);
  uint32_t a = (b & ((1u << (Exp + Man)) - 1)) << (23 - Man);
  uint32_t u = std::bit_cast<uint32_t>(std::bit_cast<float>(a) * scale);
  u |= a >= (((1u << Exp) - 1) << 23) ? 0x7f800000u : 0u;
  return std::bit_cast<float>(u | ((b >> (Exp + Man)) << 31));
}

FL_INLINE uint16_t to_float16(float x) { return uint16_t(to_ieee<5, 10, 0x7e00u>(x)); }
FL_INLINE float from_float16(uint16_t b) { return from_ieee<5, 10>(b); }
FL_INLINE uint8_t to_float8_e5m2(float x) { return uint8_t(to_ieee<5, 2, 0x7fu>(x)); }
FL_INLINE float from_float8_e5m2(uint8_t b) { return from_ieee<5, 2>(b); }

// e4m3fn has no infinity: 0x7f is NaN, the largest value is 448, and what lies beyond (infinity
// too) becomes that, as in torch.
FL_INLINE uint8_t to_float8_e4m3fn(float x) {
  constexpr uint32_t magic = (127u - 7 + 1 + 20) << 23;
  uint32_t u = std::bit_cast<uint32_t>(x);
  uint32_t a = u & 0x7fffffffu;
  uint32_t normal = (a - (120u << 23) + 0x7ffffu + ((a >> 20) & 1u)) >> 20;
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(a) + std::bit_cast<float>(magic)) - magic;
  uint32_t r = a < (121u << 23) ? subnormal : normal;
  r = a >= 0x43e80000u ? 0x7eu : r;  // 464, which would round to 480
  r = a > 0x7f800000u ? 0x7fu : r;
  return uint8_t(r | ((u >> 31) << 7));
}

FL_INLINE float from_float8_e4m3fn(uint8_t b) {
  constexpr float scale = std::bit_cast<float>((127u + 120u) << 23);
  uint32_t a = (b & 0x7fu) << 20;
  uint32_t u = std::bit_cast<uint32_t>(std::bit_cast<float>(a) * scale);
  u = (b & 0x7fu) == 0x7fu ? 0x7fc00000u : u;
  return std::bit_cast<float>(u | (uint32_t(b >> 7) << 31));
}

}  // namespace narrow

struct BFloat16 {
  uint16_t bits;
  BFloat16() = default;
  FL_INLINE explicit BFloat16(float x) : bits(narrow::to_bfloat16(x)) {}
  FL_INLINE operator float() const { return narrow::from_bfloat16(bits); }
};

struct Float16 {
  uint16_t bits;
  Float16() = default;
  FL_INLINE explicit Float16(float x) : bits(narrow::to_float16(x)) {}
  FL_INLINE operator float() const { return narrow::from_float16(bits); }
};

struct Float8e4m3fn {
  uint8_t bits;
  Float8e4m3fn() = default;
  FL_INLINE explicit Float8e4m3fn(float x) : bits(narrow::to_float8_e4m3fn(x)) {}
  FL_INLINE operator float() const { return narrow::from_float8_e4m3fn(bits); }
};

struct Float8e5m2 {
  uint8_t bits;
  Float8e5m2() = default;
  FL_INLINE explicit Float8e5m2(float x) : bits(narrow::to_float8_e5m2(x)) {}
  FL_INLINE operator float() const { return narrow::from_float8_e5m2(bits); }
};

}  // namespace flambeau
