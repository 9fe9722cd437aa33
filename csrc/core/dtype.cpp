#include "core/dtype.h"

#include "core/errors.h"

namespace flambeau {

namespace {
DType default_dtype_ = DType::Float32;

bool is_wide_unsigned(DType t) { return t == DType::UInt16 || t == DType::UInt32 || t == DType::UInt64; }
bool is_float8(DType t) { return t == DType::Float8e5m2 || t == DType::Float8e4m3fn; }

DType promote_integers(DType a, DType b) {
  if (is_bool(a)) return b;
  if (is_bool(b)) return a;
  if (is_wide_unsigned(a) || is_wide_unsigned(b)) {
    FL_FAIL(Runtime, "promote_types",
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote ", info(a).title,
            " and ", info(b).title, "; convert one of them with .to(dtype) first");
  }
  if (a == DType::UInt8 || b == DType::UInt8) {  // against a signed type
    DType other = a == DType::UInt8 ? b : a;
    return other == DType::Int8 ? DType::Int16 : other;
  }
  return item_size(a) > item_size(b) ? a : b;
}
}  // namespace

DType default_dtype() { return default_dtype_; }

void set_default_dtype(DType t) {
  FL_CHECK(is_floating(t) && !is_float8(t), Type, "set_default_dtype",
           "only floating-point types are supported as the default type, got ", name(t));
  default_dtype_ = t;
}

DType real_type(DType t) {
  if (t == DType::Complex64) return DType::Float32;
  return t == DType::Complex128 ? DType::Float64 : t;
}

DType complex_type(DType t) {
  if (is_complex(t)) return t;
  if (!is_floating(t)) return complex_type(default_dtype());
  return t == DType::Float64 ? DType::Complex128 : DType::Complex64;
}

DType promote(DType a, DType b) {
  if (a == b || b == DType::Undefined) return a;
  if (a == DType::Undefined) return b;
  if (is_float8(a) || is_float8(b)) {
    FL_FAIL(Runtime, "promote_types", "Promotion for Float8 Types is not supported, attempted to promote ",
            info(a).title, " and ", info(b).title, "; convert with .to(dtype) first");
  }
  if (is_complex(a) || is_complex(b)) {
    bool wide = a == DType::Complex128 || b == DType::Complex128 || a == DType::Float64 || b == DType::Float64;
    return wide ? DType::Complex128 : DType::Complex64;
  }
  if (is_floating(a) && is_floating(b)) {
    if (item_size(a) == item_size(b)) return DType::Float32;  // float16 with bfloat16
    return item_size(a) > item_size(b) ? a : b;
  }
  if (is_floating(a)) return a;
  if (is_floating(b)) return b;
  return promote_integers(a, b);
}

bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating(from) && is_integral(to)) return false;
  return !(is_integral(from, false) && is_bool(to));
}

}  // namespace flambeau
