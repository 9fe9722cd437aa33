"""What the pointwise families share: checks of arguments, and the ops with several ways to be computed."""

from .. import _C

INFINITY = float("inf")
TOP = {
    _C.float16: 65504.0, _C.bfloat16: 3.3895313892515355e38, _C.float32: 3.4028234663852886e38,
    _C.float64: 1.7976931348623157e308, _C.complex64: 3.4028234663852886e38, _C.complex128: 1.7976931348623157e308,
}  # fmt: skip


def check_tensors(op, *values):
    for value in values:
        if not isinstance(value, _C.Tensor):
            raise TypeError(
                f"[{op}] expected a Tensor, got {type(value).__name__}: wrap numbers in flambeau.tensor(...)"
            )


def any_complex(*values):
    return any(isinstance(v, complex) or (isinstance(v, _C.Tensor) and v.is_complex()) for v in values)


def check_alpha(op, input, other, alpha):
    """torch's rules: a bool factor for bool results only, a fractional one for fractional results only; rounded to these."""
    dtype = _C.result_type(input, other)
    if isinstance(alpha, bool) and dtype is not _C.bool:
        raise RuntimeError(f"[{op}] Boolean alpha only supported for Boolean results, got a result of {dtype}")
    if isinstance(alpha, complex) and not dtype.is_complex:
        raise RuntimeError(f"[{op}] For non-complex input tensors, argument alpha must not be a complex number.")
    if isinstance(alpha, float) and not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"[{op}] For integral input tensors, argument alpha must not be a floating point number.")
    return _C.full((), alpha, dtype).item() if dtype in (_C.float16, _C.bfloat16) else alpha


NUMBERS = frozenset((bool, int, float, complex))


def tensor_of_two_numbers(input, other):
    """The first of two operands, a number: as a tensor if the second is a number too."""
    return _C.tensor(input, None, False) if type(other) in NUMBERS else input


def add_scaled(op, input, other, alpha, into=None):
    """input + alpha * other (op "add") or input - alpha * other ("sub")."""
    alpha = check_alpha(op, input, other, alpha)
    if op == "sub" and _C.bool in (getattr(input, "dtype", None), getattr(other, "dtype", None)):
        return _C.sub(input, other) if into is None else _C.sub_(into, other)
    if isinstance(alpha, (int, float)):
        factor = alpha if op == "add" else -alpha
        return _C.add_scaled(input, other, factor) if into is None else _C.add_scaled_(into, other, factor)
    scaled = _C.mul(other, alpha)
    if into is not None:
        return (_C.add_ if op == "add" else _C.sub_)(into, scaled)
    return (_C.add if op == "add" else _C.sub)(input, scaled)


# Exponents that are cheaper than a power; the same in place with "_".
_POWERS = {2: "square", 0.5: "sqrt", 3: "cube", -1: "reciprocal", -0.5: "rsqrt"}


def power(base, exponent, into=None):
    if not isinstance(exponent, _C.Tensor) and isinstance(base, _C.Tensor):
        cheap = _POWERS.get(exponent)
        if cheap and base.is_floating_point():
            if into is not None:
                return getattr(_C, cheap + "_")(into)
            made = getattr(_C, cheap)(base)
            # The derivatives of roots need the root, which programs may change: torch's pow does not need its result.
            return _C.clone(made, 1) if exponent < 1 and base.requires_grad and _C.is_grad_enabled() else made
        whole = not (base.is_floating_point() or base.is_complex())
        if whole and isinstance(exponent, int) and exponent < 0:
            raise RuntimeError("[pow] Integers to negative integer powers are not allowed: use a floating dtype")
    return _C.pow(base, exponent) if into is None else _C.pow_(into, exponent)


def round_to(input, decimals, into=None):
    if decimals == 0 or not input.is_floating_point():
        return _C.round(input) if into is None else _C.round_(into)
    ten = 10.0 ** abs(decimals)
    return _C.round_to(input, ten, decimals < 0) if into is None else _C.round_to_(into, ten, decimals < 0)


_BOUNDS = frozenset((bool, int, float, type(None)))


def clamped(input, low, high, into=None):
    """The numbers None stand for no bound."""
    check_tensors("clamp", input)
    if low is high is None:
        raise RuntimeError("[clamp] at least one of min and max must not be None")
    if low.__class__ in _BOUNDS and high.__class__ in _BOUNDS and input.is_floating_point():
        low, high = -INFINITY if low is None else low, INFINITY if high is None else high
        return _C.clamp_range(input, low, high) if into is None else _C.clamp_range_(into, low, high)
    if any_complex(input, low, high):
        raise NotImplementedError("[clamp] clamp is not supported for complex types")
    numbers = not isinstance(low, _C.Tensor) and not isinstance(high, _C.Tensor)
    if numbers and input.is_floating_point():
        low, high = -INFINITY if low is None else low, INFINITY if high is None else high
        return _C.clamp_range(input, low, high) if into is None else _C.clamp_range_(into, low, high)
    dtype = _C.result_type(input, high if low is None else low)
    lowest, highest = (-INFINITY, INFINITY) if dtype.is_floating_point else _ends(dtype)
    low, high = lowest if low is None else low, highest if high is None else high
    return _C.clamp(input, low, high) if into is None else _C.clamp_(into, low, high)


def _ends(dtype):
    """The lowest and the highest integer of a dtype."""
    if dtype is _C.bool:
        return False, True
    bits = 8 * dtype.itemsize - dtype.is_signed
    return -(2**bits) if dtype.is_signed else 0, 2**bits - 1


def divided(input, other, rounding_mode, into=None):
    names = {None: "div", "trunc": "div_trunc", "floor": "div_floor"}
    if rounding_mode not in names:
        raise RuntimeError(f"[div] rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    name = names[rounding_mode]
    if type(input) in NUMBERS:
        input = tensor_of_two_numbers(input, other)
    return getattr(_C, name)(input, other) if into is None else getattr(_C, name + "_")(into, other)


def without_nan(input, nan, posinf, neginf, into=None):
    if not (input.is_floating_point() or input.is_complex()):
        return input.clone() if into is None else _C.conj__(into)  # unchanged, but a write
    top = TOP[input.dtype]
    values = nan or 0.0, top if posinf is None else posinf, -top if neginf is None else neginf
    return _C.nan_to_num(input, *values) if into is None else _C.nan_to_num_(into, *values)


def inverted(input, into=None):
    """All bits flipped; for bool the opposite."""
    name = "logical_not" if input.dtype is _C.bool else "bitwise_not"
    return getattr(_C, name)(input) if into is None else getattr(_C, name + "_")(into)


def check_lerp(input, end, weight):
    check_tensors("lerp", input, end)
    if input.dtype is not end.dtype:
        raise RuntimeError(f"[lerp] end must have input's dtype: input {input.dtype}, end {end.dtype}")
    if isinstance(weight, _C.Tensor) and weight.dtype is not input.dtype and weight.dim():
        raise RuntimeError(f"[lerp] weight must have input's dtype: input {input.dtype}, weight {weight.dtype}")


def check_addcdiv(input, tensor1, tensor2):
    check_tensors("addcdiv", input, tensor1, tensor2)
    if not any(t.is_floating_point() or t.is_complex() for t in (tensor1, tensor2)):
        raise RuntimeError(
            "[addcdiv] division of integers is not supported: use addcmul with a floating reciprocal, or convert "
            f"tensor1 {tensor1.dtype} and tensor2 {tensor2.dtype} to a floating dtype"
        )


def check_parts(op, first, second, out):
    """For ops that make complex numbers of two real tensors: their dtype must agree, and `out` must be the complex one."""
    check_tensors(op, first, second)
    if not first.is_floating_point() or first.dtype is _C.bfloat16:
        raise RuntimeError(f"[{op}] expected float16, float32 or float64 tensors, got {first.dtype}")
    if first.dtype is not second.dtype:
        raise RuntimeError(f"[{op}] both tensors must have the same dtype, got {first.dtype} and {second.dtype}")
    wanted = {_C.float64: _C.complex128, _C.float32: _C.complex64}.get(first.dtype)
    if out is not None and wanted is not None and out.dtype is not wanted:
        raise RuntimeError(f"[{op}] out must have dtype {wanted}, got {out.dtype}")
