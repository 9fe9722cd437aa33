"""Padding as layers."""

from flambeau.nn import functional as F

from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """What all paddings share but the constant one: the amounts, and the mode of `F.pad`."""

    mode = ""

    def forward(self, input):
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPadNd(Module):
    """What the constant paddings share."""

    __constants__ = ["padding", "value"]

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads the last dimension with a value.

    Args:
        padding: an int for all sides, or (left, right); negative amounts cut.
        value: what to pad with.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.ConstantPad1d(2, 3.5)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 12])
    """

    def __init__(self, padding, value):
        super().__init__(value)
        self.padding = _pair(padding)


class ConstantPad2d(_ConstantPadNd):
    """Pads the last 2 dimensions with a value.

    Args:
        padding: an int for all sides, or (left, right, top, bottom); negative amounts cut.
        value: what to pad with.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.ConstantPad2d(2, 3.5)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 12, 12])
    """

    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(value)
        self.padding = _quadruple(padding)


class ConstantPad3d(_ConstantPadNd):
    """Pads the last 3 dimensions with a value.

    Args:
        padding: an int for all sides, or (left, right, top, bottom, front, back); negative amounts cut.
        value: what to pad with.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.ConstantPad3d(2, 3.5)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 12, 12, 12])
    """

    def __init__(self, padding, value):
        super().__init__(value)
        self.padding = _ntuple(6)(padding)


class _CircularPadNd(_PadNd):
    __constants__ = ["padding"]

    mode = "circular"

    def _check_input_dim(self, input):
        dims = len(self.padding) // 2
        if input.dim() not in (dims + 1, dims + 2):
            raise ValueError(f"expected {dims + 1}D or {dims + 2}D input (got {input.dim()}D input)")

    def forward(self, input):
        self._check_input_dim(input)
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Pads the last dimension by going around.

    Args:
        padding: an int for all sides, or (left, right).

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.CircularPad1d(2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _pair(padding)


class CircularPad2d(_CircularPadNd):
    """Pads the last 2 dimensions by going around.

    Args:
        padding: an int for all sides, or (left, right, top, bottom).

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.CircularPad2d(2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 12, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _quadruple(padding)


class CircularPad3d(_CircularPadNd):
    """Pads the last 3 dimensions by going around.

    Args:
        padding: an int for all sides, or (left, right, top, bottom, front, back).

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.CircularPad3d(2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 12, 12, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _ntuple(6)(padding)


class _ReflectionPadNd(_PadNd):
    __constants__ = ["padding"]

    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pads the last dimension by the mirror image, without the edge itself.

    Args:
        padding: an int for all sides, or (left, right).

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.ReflectionPad1d(2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _pair(padding)


class ReflectionPad2d(_ReflectionPadNd):
    """Pads the last 2 dimensions by the mirror image, without the edge itself.

    Args:
        padding: an int for all sides, or (left, right, top, bottom).

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.ReflectionPad2d(2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 12, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _quadruple(padding)


class ReflectionPad3d(_ReflectionPadNd):
    """Pads the last 3 dimensions by the mirror image, without the edge itself.

    Args:
        padding: an int for all sides, or (left, right, top, bottom, front, back).

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.ReflectionPad3d(2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 12, 12, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _ntuple(6)(padding)


class _ReplicationPadNd(_PadNd):
    __constants__ = ["padding"]

    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pads the last dimension with the value at the edge.

    Args:
        padding: an int for all sides, or (left, right).

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.ReplicationPad1d(2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _pair(padding)


class ReplicationPad2d(_ReplicationPadNd):
    """Pads the last 2 dimensions with the value at the edge.

    Args:
        padding: an int for all sides, or (left, right, top, bottom).

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.ReplicationPad2d(2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 12, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _quadruple(padding)


class ReplicationPad3d(_ReplicationPadNd):
    """Pads the last 3 dimensions with the value at the edge.

    Args:
        padding: an int for all sides, or (left, right, top, bottom, front, back).

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.ReplicationPad3d(2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 12, 12, 12])
    """

    def __init__(self, padding):
        super().__init__()
        self.padding = _ntuple(6)(padding)


class ZeroPad1d(ConstantPad1d):
    """Pads the last dimension with zeros.

    Args:
        padding: an int for all sides, or (left, right); negative amounts cut.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.ZeroPad1d(2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 12])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads the last 2 dimensions with zeros.

    Args:
        padding: an int for all sides, or (left, right, top, bottom); negative amounts cut.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.ZeroPad2d(2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 12, 12])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads the last 3 dimensions with zeros.

    Args:
        padding: an int for all sides, or (left, right, top, bottom, front, back); negative amounts cut.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.ZeroPad3d(2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 12, 12, 12])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"
