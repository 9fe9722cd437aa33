// Element types and torch's promotion rules.
#pragma once
#include <complex>
#include <cstdint>

#include "core/half.h"

namespace flambeau {

enum class DType : uint8_t {
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  Float32,
  Float64,
  Complex64,
  Complex128,
  Bool,
  BFloat16,
  Float8e5m2,
  Float8e4m3fn,
  UInt16,
  UInt32,
  UInt64,
  Undefined,
};
inline constexpr int kNumDTypes = 17;

enum class Kind : uint8_t { Bool, Unsigned, Signed, Float, Complex, None };

struct DTypeInfo {
  const char* name;   // torch's, "float32"
  const char* title;  // as torch's errors write it, "Float"
  uint8_t size;       // bytes
  Kind kind;
};
inline constexpr DTypeInfo kDTypes[] = {
    {"uint8", "Byte", 1, Kind::Unsigned},
    {"int8", "Char", 1, Kind::Signed},
    {"int16", "Short", 2, Kind::Signed},
    {"int32", "Int", 4, Kind::Signed},
    {"int64", "Long", 8, Kind::Signed},
    {"float16", "Half", 2, Kind::Float},
    {"float32", "Float", 4, Kind::Float},
    {"float64", "Double", 8, Kind::Float},
    {"complex64", "ComplexFloat", 8, Kind::Complex},
    {"complex128", "ComplexDouble", 16, Kind::Complex},
    {"bool", "Bool", 1, Kind::Bool},
    {"bfloat16", "BFloat16", 2, Kind::Float},
    {"float8_e5m2", "Float8_e5m2", 1, Kind::Float},
    {"float8_e4m3fn", "Float8_e4m3fn", 1, Kind::Float},
    {"uint16", "UInt16", 2, Kind::Unsigned},
    {"uint32", "UInt32", 4, Kind::Unsigned},
    {"uint64", "UInt64", 8, Kind::Unsigned},
    {"undefined", "Undefined", 0, Kind::None},
};

inline constexpr const DTypeInfo& info(DType t) { return kDTypes[static_cast<int>(t)]; }
inline constexpr int64_t item_size(DType t) { return info(t).size; }
inline constexpr const char* name(DType t) { return info(t).name; }
inline constexpr bool is_complex(DType t) { return info(t).kind == Kind::Complex; }
inline constexpr bool is_floating(DType t) { return info(t).kind == Kind::Float; }
inline constexpr bool is_inexact(DType t) { return is_floating(t) || is_complex(t); }
inline constexpr bool is_bool(DType t) { return t == DType::Bool; }
// Integers, with or without bool.
inline constexpr bool is_integral(DType t, bool with_bool = true) {
  Kind k = info(t).kind;
  return k == Kind::Unsigned || k == Kind::Signed || (with_bool && k == Kind::Bool);
}
inline constexpr bool is_reduced(DType t) { return t == DType::Float16 || t == DType::BFloat16; }

// complex64 -> float32, complex128 -> float64, others unchanged; and back (half types give complex64).
DType real_type(DType t);
DType complex_type(DType t);

// torch.promote_types; throws where torch does (uint16/32/64 and float8 mixed with others).
DType promote(DType a, DType b);
bool can_cast(DType from, DType to);

// torch.get_default_dtype(), and the complex type that goes with it.
DType default_dtype();
void set_default_dtype(DType t);

template <class T>
struct dtype_of;
#define FL_DTYPE_OF(T, D)                    \
  template <>                                \
  struct dtype_of<T> {                       \
    static constexpr DType value = DType::D; \
  };
FL_DTYPE_OF(uint8_t, UInt8)
FL_DTYPE_OF(int8_t, Int8)
FL_DTYPE_OF(int16_t, Int16)
FL_DTYPE_OF(int32_t, Int32)
FL_DTYPE_OF(int64_t, Int64)
FL_DTYPE_OF(Float16, Float16)
FL_DTYPE_OF(float, Float32)
FL_DTYPE_OF(double, Float64)
FL_DTYPE_OF(std::complex<float>, Complex64)
FL_DTYPE_OF(std::complex<double>, Complex128)
FL_DTYPE_OF(bool, Bool)
FL_DTYPE_OF(BFloat16, BFloat16)
FL_DTYPE_OF(Float8e5m2, Float8e5m2)
FL_DTYPE_OF(Float8e4m3fn, Float8e4m3fn)
FL_DTYPE_OF(uint16_t, UInt16) FL_DTYPE_OF(uint32_t, UInt32) FL_DTYPE_OF(uint64_t, UInt64)
#undef FL_DTYPE_OF

}  // namespace flambeau
