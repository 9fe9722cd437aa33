"""Number by number."""

import importlib

import flambeau

from ._tensor import Nested, is_dense, is_jagged

_FAMILIES = {"elementary", "pointwise", "comparison"}
_MORE = ("clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum", "nan_to_num", "where", "relu", "sigmoid",
         "erf", "erfc", "erfinv", "lgamma", "digamma", "logit", "sinc", "conj", "real", "imag", "bernoulli", "masked_fill", "selu", "celu",
         "hardshrink", "threshold", "dropout", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like")  # fmt: skip
_FUNCTIONAL = ("celu", "dropout", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
               "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
               "alpha_dropout")  # fmt: skip
_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "pow": "pow",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def names():
    """Public functions that work number by number."""
    found = [importlib.import_module(f"flambeau.ops.{family}").__all__ for family in sorted(_FAMILIES)]
    listed = [name for group in found for name in group if name not in ("isclose", "complex", "polar")]
    return dict.fromkeys(name for name in (*listed, *_MORE) if hasattr(flambeau, name) and not name.endswith("_"))


def spread(name, template, dense):
    """A dense operand as one of the elements of a nested tensor: broadcast along its ragged dimension."""
    if dense.dim() == 0:
        return dense
    if not is_jagged(template):
        raise RuntimeError(
            f"[{name}] Expected both self and other to be nested, but got a nested self and non-nested other"
        )
    full = dense.reshape((1,) * (template.dim() - dense.dim()) + tuple(dense.shape))
    if full.dim() != template.dim() or full.shape[template._ragged] != 1 or full.shape[0] not in (1, template.size(0)):
        raise RuntimeError(
            f"cannot call binary pointwise function {name} with inputs of shapes {template.shape} and {dense.shape}"
        )
    if full.shape[0] == 1:
        return full.squeeze(0)
    rows = full.squeeze(template._ragged).index_select(0, template._batches())
    return rows.movedim(0, template._ragged - 1)


def _same_pattern(name, template, other):
    if type(template) is not type(other):
        raise RuntimeError(f"[{name}] nested tensors must have the same layout")
    if is_jagged(template):
        same = template._size[template._ragged] is other._size[other._ragged] and template._ragged == other._ragged
        if not same or template.dim() != other.dim():
            raise RuntimeError(
                f"cannot call binary pointwise function {name} with inputs of shapes {tuple(template.shape)} and "
                f"{tuple(other.shape)}"
            )
    elif template._sizes != other._sizes:
        raise RuntimeError(f"{name} does not support broadcasting when given a NestedTensor")


def call(name, function, args, kwargs):
    """The function of all numbers at once."""
    template = next(x for x in (*args, *kwargs.values()) if isinstance(x, Nested))

    def inner(value):
        if isinstance(value, Nested):
            if value is not template:
                _same_pattern(name, template, value)
            return value._elements
        return spread(name, template, value) if is_dense(value) else value

    result = function(*(inner(a) for a in args), **{key: inner(value) for key, value in kwargs.items()})
    if isinstance(result, tuple):
        return type(result)(template._with(part) for part in result)
    return template._with(result)


def _lifted(name, function):
    def lifted(*args, **kwargs):
        return call(name, function, args, kwargs)

    lifted.__name__ = name
    lifted.__doc__ = f"`{name}`, number by number."
    return lifted


def _in_place(name):
    def changed(self, *args, **kwargs):
        if not isinstance(self, Nested):
            raise RuntimeError(f"[{name}] a dense tensor cannot take in nested numbers: use unbind()")
        call(name, getattr(flambeau.Tensor, name), (self, *args), kwargs)
        return self

    changed.__doc__ = f"`{name}`, number by number."
    return changed


def methods():
    """{name: method} of all of them, operators included."""
    table = {name: _lifted(name, getattr(flambeau, name)) for name in names()}
    changing = [name + "_" for name in table if hasattr(flambeau.Tensor, name + "_")]
    table.update({name: _in_place(name) for name in (*changing, "fill_", "zero_", "normal_", "uniform_")})
    for operator, name in _OPERATORS.items():
        table[f"__{operator}__"] = table[name]
        table[f"__r{operator}__"] = _reflected(table[name])
        if name + "_" in table:
            table[f"__i{operator}__"] = table[name + "_"]
    table.update({f"__{name}__": table[name] for name in _COMPARISONS})
    table.update({"__neg__": table["neg"], "__abs__": table["abs"], "__invert__": table["bitwise_not"]})
    return table


def _reflected(function):
    def reflected(self, other):
        return function(other, self)

    return reflected


def functional():
    """{path: function} of those in nn.functional."""
    module = importlib.import_module("flambeau.nn.functional")
    return {f"nn.functional.{name}": _lifted(name, getattr(module, name)) for name in _FUNCTIONAL}
