"""The ops: one def per public function. A family is a module; its lists say where a function is public:

`__all__` as flambeau.name, `FUNCTIONAL` as flambeau.nn.functional.name, `METHODS` as Tensor.name (the tensor is the
first
argument). What is bound in _C already has the right signature may be listed in METHODS as a pair (name, function).
"""

import importlib

FAMILIES = (
    "activations",
    "attention",
    "autograd",
    "bits",
    "comparison",
    "complexes",
    "conv",
    "copies",
    "creation",
    "elementary",
    "fourier",
    "histograms",
    "indexing",
    "join",
    "layouts",
    "linalg",
    "matmul",
    "norm",
    "orthogonal",
    "padding",
    "patterns",
    "pointwise",
    "pooling",
    "properties",
    "quantization",
    "random",
    "reduce",
    "resize",
    "segments",
    "selection",
    "shape",
    "softmax",
    "sorting",
    "special",
    "spectrogram",
    "statistics",
    "system",
    "view_copies",
    "windows",
)

__all__ = []
for _family in FAMILIES:
    _module = importlib.import_module(f"{__name__}.{_family}")
    for _name in _module.__all__:
        globals()[_name] = getattr(_module, _name)
    __all__ += _module.__all__

TYPE_CHECKING = False
if TYPE_CHECKING:  # a checker cannot compute the names

    def __getattr__(name): ...
