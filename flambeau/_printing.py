"""Tensors as text, as torch prints them."""

import math

from . import _C

_options = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
_DEFAULT_DTYPES = (_C.int64, _C.bool)


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Say how tensors are printed: digits, the size from which they are summarised, items at the edges, columns,
    notation.

    >>> flambeau.set_printoptions(precision=2)
    >>> flambeau.tensor([1.2345])
    tensor([1.23])
    >>> flambeau.set_printoptions(profile="default")
    """
    profiles = {
        "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
        "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
        "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
    }
    if profile is not None:
        if profile not in profiles:
            raise ValueError(f"[set_printoptions] profile must be one of {sorted(profiles)}, got {profile!r}")
        _options.update(profiles[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


class _Formatter:
    """One way to write all numbers of a real tensor, wide enough for the widest."""

    def __init__(self, values, dtype):
        self.floating = dtype.is_floating_point
        self.int_mode, self.sci_mode, self.width = True, False, 1
        if not self.floating:
            self.width = max((len(str(v)) for v in values), default=1)
            return
        finite = [v for v in values if v != 0 and math.isfinite(v)]
        if not finite:
            return
        self._measure(finite)
        if _options["sci_mode"] is not None:
            self.sci_mode = _options["sci_mode"]
        self.width = max(len(self._plain(v)) for v in finite)

    def _measure(self, finite):
        low, high = min(abs(v) for v in finite), max(abs(v) for v in finite)
        self.int_mode = all(v == math.ceil(v) for v in finite)
        ratio = high / low
        if self.int_mode:
            self.sci_mode = ratio > 1000.0 or high > 1e8
        else:
            self.sci_mode = ratio > 1000.0 or high > 1e8 or low < 1e-4

    def _plain(self, value):
        if not self.floating:
            return str(value)
        if self.sci_mode:
            return f"{value:.{_options['precision']}e}"
        if self.int_mode:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options['precision']}f}"

    def __call__(self, value):
        return self._plain(value).rjust(self.width)


class _ComplexFormatter:
    """A pair of formatters, the imaginary part with its sign."""

    def __init__(self, values, dtype):
        real = dtype.to_real()
        self.real, self.imag = _Formatter([v.real for v in values], real), _Formatter([v.imag for v in values], real)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value):
        imag = self.imag(value.imag).strip()
        imag = imag if imag.startswith("-") else "+" + imag
        return self.real(value.real) + imag + "j"


def _shown(tensor):
    """The part of a tensor that is printed, its edges only if it is summarised."""
    edge = _options["edgeitems"]
    for dim, size in enumerate(tensor.shape):
        if size > 2 * edge:
            from .ops import cat

            tensor = cat([_C.slice(tensor, dim, 0, edge, 1), _C.slice(tensor, dim, size - edge, size, 1)], dim)
    return tensor


def _vector(tensor, indent, summarize, formatter):
    per_line = max(1, (_options["linewidth"] - indent) // (formatter.width + 2))
    edge, n = _options["edgeitems"], tensor.shape[0]
    if summarize and n > 2 * edge:
        items = (
            [formatter(v) for v in tensor[:edge].tolist()]
            + [" ..."]
            + [formatter(v) for v in tensor[n - edge :].tolist()]
        )
    else:
        items = [formatter(v) for v in tensor.tolist()]
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(tensor, indent, summarize, formatter):
    if tensor.dim() == 0:
        return formatter(tensor.item())
    if tensor.dim() == 1:
        return _vector(tensor, indent, summarize, formatter)
    edge, n = _options["edgeitems"], tensor.shape[0]
    if summarize and n > 2 * edge:
        rows = [*range(edge), None, *range(n - edge, n)]
    else:
        rows = range(n)
    parts = ["..." if i is None else _nested(tensor[i], indent + 1, summarize, formatter) for i in rows]
    return "[" + ("," + "\n" * (tensor.dim() - 1) + " " * (indent + 1)).join(parts) + "]"


def _contents(tensor, indent):
    """The numbers of a tensor, nested in brackets."""
    dtype = tensor.dtype
    if dtype in (_C.float16, _C.bfloat16, _C.float8_e5m2, _C.float8_e4m3fn):
        tensor = tensor.to(_C.float32)
    summarize = tensor.numel() > _options["threshold"]
    values = (_shown(tensor) if summarize else tensor).reshape(-1).tolist()
    formatter = (_ComplexFormatter if dtype.is_complex else _Formatter)(values, dtype)
    if dtype is _C.bool:
        formatter.width = max((len(str(v)) for v in values), default=5)
    return _nested(tensor, indent, summarize, formatter)


def tensor_text(tensor):
    """What repr(tensor) gives."""
    from .autograd.grad_mode import no_grad

    prefix = "tensor(" if type(tensor) is _C.Tensor else f"{type(tensor).__name__}("
    suffixes = []
    with no_grad():
        plain = _C.detach(tensor)
        if tensor.is_meta:
            contents = "..."
            suffixes = ["device='meta'", f"size={tuple(tensor.shape)}"]
            if tensor.dtype is not _C.get_default_dtype():
                suffixes.append(f"dtype={tensor.dtype}")
        elif tensor.numel() == 0:
            contents = "[]"
            if tensor.dim() != 1:
                suffixes.append(f"size={tuple(tensor.shape)}")
            if tensor.dtype is not _C.get_default_dtype():
                suffixes.append(f"dtype={tensor.dtype}")
        else:
            contents = _contents(plain, len(prefix))
            suffixes += _dtype_suffix(tensor)
    return _join(prefix + contents, suffixes + _history_suffix(tensor), len(prefix)) + ")"


def _dtype_suffix(tensor):
    usual = tensor.dtype in (_C.get_default_dtype(), *_DEFAULT_DTYPES) or tensor.dtype is _default_complex()
    return [] if usual else [f"dtype={tensor.dtype}"]


def _history_suffix(tensor):
    if tensor.grad_fn is not None:
        return [f"grad_fn=<{tensor.grad_fn.name().rpartition('::')[2]}>"]
    return ["requires_grad=True"] if tensor.requires_grad else []


def sparse_text(tensor, parts, stored, newline):
    """repr of a sparse tensor: its parts by name, its size, how many elements are stored, its layout.

    Args:
        parts: {name: dense tensor}.
        stored: the number of elements.
        newline: whether the size begins a line.
    """
    indent = len("tensor(")
    pieces = []
    for name, part in parts.items():
        size = f", size={tuple(part.shape)}" if part.numel() == 0 else ""
        contents = "[]" if size else _contents(_C.detach(part), indent + len(f"{name}=tensor("))
        pieces.append(f"{name}=tensor({contents}{size})")
    text = "tensor(" + (",\n" + " " * indent).join(pieces)
    size = f"size={tuple(tensor.shape)}"
    suffixes = [f"nnz={stored}", *_dtype_suffix(tensor), f"layout={tensor.layout}", *_history_suffix(tensor)]
    if newline:
        return _join(text + ",\n" + " " * indent + size, suffixes, indent, indent + len(size)) + ")"
    return _join(text, [size, *suffixes], indent) + ")"


def _default_complex():
    return _C.complex128 if _C.get_default_dtype() is _C.float64 else _C.complex64


def _join(text, suffixes, indent, width=None):
    """Suffixes go behind the numbers (whose last line has a width), or on a line of their own where there is no room."""
    width = len(text) - text.rfind("\n") + 1 if width is None else width
    for suffix in suffixes:
        if width + len(suffix) + 2 > _options["linewidth"]:
            text += ",\n" + " " * indent + suffix
            width = indent + len(suffix)
        else:
            text += ", " + suffix
            width += len(suffix) + 2
    return text
