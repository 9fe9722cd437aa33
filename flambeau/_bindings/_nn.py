"""torch._C._nn: the functions of nn.functional, as torch's core has them."""

from .. import nn
from ..nn import _native
from ..nn.modules._moving import parse_to as _parse_to  # noqa: F401

import flambeau as _flambeau  # isort: skip


def __getattr__(name):
    for home in (_native, nn.functional, _flambeau):
        if not name.startswith("__") and hasattr(home, name):
            return getattr(home, name)
    raise AttributeError(f"module 'torch._C._nn' has no attribute {name!r}")
