"""FlopCounterMode: counts the multiplications and additions of a program, by module."""

import math
from collections import defaultdict

from .. import _C
from .._interpreters import Interpreter, as_primitive

__all__ = ["FlopCounterMode", "register_flop_formula"]

_FORMULAS: dict = {}


def _shape(value):
    return tuple(value.shape) if isinstance(value, _C.Tensor) else None


def register_flop_formula(targets, get_raw=False):
    """A decorator: the function gives the number of operations of a primitive, from the shapes of its arguments.

    >>> @flambeau.utils.flop_counter.register_flop_formula("my_operator")
    ... def count(a_shape, *rest, out_shape=None, **kwargs):
    ...     return 2 * a_shape[0]
    """

    def register(function):
        for target in targets if isinstance(targets, (list, tuple)) else [targets]:
            name = target if isinstance(target, str) else getattr(target, "__name__", str(target)).split(".")[0]
            _FORMULAS[name] = function
        return function

    return register


@register_flop_formula(("matmul", "mm", "bmm", "mv", "dot"))
def _product(a, b, *rest, out_shape=None, **kwargs):
    return 2 * math.prod(out_shape or ()) * a[-1]


@register_flop_formula(("addmm", "baddbmm", "addmv"))
def _added_product(c, a, b, *rest, out_shape=None, **kwargs):
    return 2 * math.prod(out_shape or ()) * a[-1]


@register_flop_formula("linear")
def _linear(x, w, *rest, out_shape=None, **kwargs):
    return 2 * math.prod(out_shape) * w[-1]


@register_flop_formula(("conv", "convolution", "conv1d", "conv2d", "conv3d", "conv_nd"))
def _conv(x, w, *rest, out_shape=None, **kwargs):
    return 2 * math.prod(out_shape) * math.prod(w[1:])


@register_flop_formula(("conv_transpose", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"))
def _conv_transpose(x, w, *rest, out_shape=None, **kwargs):
    return 2 * math.prod(x) * math.prod(w[1:])


@register_flop_formula(("attention", "scaled_dot_product_attention", "flash_attention"))
def _attention(q, k, v, *rest, out_shape=None, **kwargs):
    return 2 * math.prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


class FlopCounterMode(Interpreter):
    """A context that counts the multiplications and additions of products, convolutions and attention in it.

    A backward pass of what was counted costs twice as much, and is counted so when it is run inside.

    Args:
        mods: accepted; modules are found by themselves.
        depth: how deep the table goes.
        display: print the table at the end.
        custom_mapping: {name: formula} beside those that are known.

    >>> counter = flambeau.utils.flop_counter.FlopCounterMode(display=False)
    >>> with counter:
    ...     _ = flambeau.ones(2, 3) @ flambeau.ones(3, 4)
    >>> counter.get_total_flops()
    48
    """

    every_call = True

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        self.depth, self.display = depth, display
        self.flop_counts = defaultdict(lambda: defaultdict(int))
        self._formulas = {**_FORMULAS}
        for target, formula in (custom_mapping or {}).items():
            name = target if isinstance(target, str) else getattr(target, "__name__", str(target)).split(".")[0]
            self._formulas[name] = formula
        self._path, self._handles, self._recorded = ["Global"], [], 0

    def run(self, function, args, kwargs):
        if isinstance(function, str):
            known = as_primitive(function, args)
            if known is None:
                return NotImplemented
            name, args = known
            function = getattr(_C, name)
        name = function.__name__
        result = function(*args, **kwargs)
        if name == "run_backward":
            self._add("backward", 2 * self._recorded)
            self._recorded = 0
        elif name in self._formulas:
            count = self._count(name, args, kwargs, result)
            self._add(name, count)
            if _C.is_grad_enabled() and getattr(result, "requires_grad", False):
                self._recorded += count
        return result

    def _count(self, name, args, kwargs, result):
        formula = self._formulas[name]
        if getattr(formula, "_get_raw", False):
            return formula(*args, **kwargs, out_val=result)
        return formula(*[_shape(a) if isinstance(a, _C.Tensor) else a for a in args], out_shape=_shape(result))

    def _add(self, name, count):
        for path in dict.fromkeys(self._path):
            self.flop_counts[path][name] += count

    def __enter__(self):
        from ..nn.modules._hooks import register_module_forward_hook, register_module_forward_pre_hook

        self.flop_counts.clear()
        self._handles = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, always_call=True),
        ]
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        for handle in self._handles:
            handle.remove()
        if self.display:
            print(self.get_table(self.depth))
        return False

    def _enter_module(self, module, args):
        parent = self._path[-1]
        name = type(module).__name__
        if parent != "Global":
            owner = getattr(self, "_modules", {}).get(len(self._path) - 1)
            name = next((n for n, child in owner.named_children() if child is module), name) if owner else name
            name = f"{parent}.{name}"
        self._path.append(name)
        self.__dict__.setdefault("_modules", {})[len(self._path) - 1] = module

    def _leave_module(self, module, args, output):
        self._path.pop()

    def get_total_flops(self):
        """How many there were."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self):
        """{module: {operator: how many}}."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth=None):
        """How many there were in each module, as text."""
        depth = self.depth if depth is None else depth
        total = max(self.get_total_flops(), 1)
        rows = [("Module", "FLOP", "% Total")]
        for path, counts in sorted(self.flop_counts.items(), key=lambda item: (item[0] != "Global", item[0])):
            level = 0 if path == "Global" else path.count(".") + 1
            if level > depth:
                continue
            rows.append((" " * level + path, _short(sum(counts.values())), f"{sum(counts.values()) / total:.2%}"))
            rows += [
                (f"{' ' * level} - {name}", _short(count), f"{count / total:.2%}") for name, count in counts.items()
            ]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a.ljust(widths[0])}  {b.rjust(widths[1])}  {c.rjust(widths[2])}" for a, b, c in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _short(count):
    for unit, name in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= unit:
            return f"{count / unit:.3f}{name}"
    return str(count)
