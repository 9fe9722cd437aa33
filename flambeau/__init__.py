"""flambeau: PyTorch's API, semantics and random streams on a native core small enough to read."""

import importlib as _importlib
import sys as _sys

try:
    from . import _C
except ImportError:
    if _importlib.import_module("importlib.util").find_spec("flambeau._C"):
        raise  # it is there, and something else is wrong
    raise ImportError(
        f"[import] {__path__[0]} has flambeau's sources, without its compiled part. To use an installed flambeau, start Python in "
        "another folder, which is first on its path; to use these sources, build them: ./dev build"
    ) from None
from . import _missing, ops
from ._C import DTypeError, LinAlgError, OutOfMemoryError, OutOfRangeError, ShapeError, Size, device, dtype
from ._types import *
from ._printing import set_printoptions
from ._symbols import *
from .torch_version import TorchVersion, __version__ as _version
from .tensor import Tensor  # before the ops, one of which is called tensor
from .ops import *
from ._legacy import *
from .ops.creation import tensor  # for type checkers: not the module of that name
from .autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__version__ = TorchVersion(_version)

is_anomaly_enabled, set_anomaly_enabled = _C.is_anomaly_enabled, _C.set_anomaly_enabled

# Loaded when first used: `import flambeau` stays fast.
_SUBMODULES = (
    "__config__",
    "__future__",
    "_VF",
    "_dynamo",
    "_functorch",
    "_higher_order_ops",
    "_inductor",
    "_jit_internal",
    "_logging",
    "_ops",
    "_subclasses",
    "_tensor",
    "_tensor_str",
    "_utils",
    "accelerator",
    "amp",
    "ao",
    "autograd",
    "backends",
    "cli",
    "compat",
    "compiler",
    "cpu",
    "cuda",
    "distributed",
    "distributions",
    "export",
    "fft",
    "func",
    "functional",
    "futures",
    "fx",
    "hub",
    "jit",
    "library",
    "linalg",
    "masked",
    "mps",
    "mtia",
    "multiprocessing",
    "nested",
    "nn",
    "onnx",
    "optim",
    "overrides",
    "profiler",
    "quantization",
    "quasirandom",
    "random",
    "serialization",
    "signal",
    "sparse",
    "special",
    "storage",
    "testing",
    "torch_version",
    "train",
    "types",
    "utils",
    "version",
    "vision",
    "xpu",
)
_LAZY = {
    "DisableTorchFunction": "overrides",
    "DisableTorchFunctionSubclass": "overrides",
    "Event": "_streams",
    "Future": "futures",
    "GradScaler": "amp",
    "PyTorchFileReader": "_C._names",
    "PyTorchFileWriter": "_C._names",
    "ScriptFunction": "jit",
    "ScriptModule": "jit",
    "Stream": "_streams",
    "summary": "train",
    "save": "serialization",
    "load": "serialization",
    "cond": "_control",
    "while_loop": "_control",
    "cosine_similarity": "nn.functional",
    "pairwise_distance": "nn.functional",
    "pdist": "nn.functional",
    **dict.fromkeys(
        ("sparse_compressed_tensor", "sparse_coo_tensor", "sparse_csc_tensor", "sparse_csr_tensor"), "sparse._creation"
    ),
    **dict.fromkeys(
        (
            "ccol_indices_copy",
            "col_indices_copy",
            "crow_indices_copy",
            "indices_copy",
            "row_indices_copy",
            "values_copy",
        ),
        "sparse._copies",
    ),
    **dict.fromkeys(("dsmm", "hsmm", "hspmm", "saddmm", "smm", "spmm", "sspaddmm"), "sparse._products"),
    "vmap": "func",
    **dict.fromkeys(
        (
            "_assert",
            "_assert_async",
            "_check",
            "_check_index",
            "_check_is_size",
            "_check_not_implemented",
            "_check_tensor_all",
            "_check_tensor_all_with",
            "_check_type",
            "_check_value",
            "_check_with",
        ),
        "_checks",
    ),
}
# What torch has on GPUs only, or no more.
_ELSEWHERE = (
    "batch_norm_backward_elemt", "batch_norm_backward_reduce", "batch_norm_elemt", "batch_norm_gather_stats",
    "batch_norm_gather_stats_with_counts", "batch_norm_stats", "cudnn_affine_grid_generator", "cudnn_batch_norm", "cudnn_convolution",
    "cudnn_convolution_add_relu", "cudnn_convolution_relu", "cudnn_convolution_transpose", "cudnn_grid_sampler", "cudnn_is_acceptable",
    "miopen_batch_norm", "miopen_convolution", "miopen_convolution_add_relu", "miopen_convolution_relu", "miopen_convolution_transpose",
    "miopen_depthwise_convolution", "miopen_rnn", "native_norm", "solve",
)  # fmt: skip
# What torch's core has under its own name.
_NATIVE = (
    "batch_norm", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "ctc_loss", "embedding", "embedding_bag", "frobenius_norm", "group_norm",
    "gru", "gru_cell", "hinge_embedding_loss", "instance_norm", "kl_div", "layer_norm", "lstm", "lstm_cell", "margin_ranking_loss",
    "native_dropout", "norm_except_dim", "nuclear_norm", "poisson_nll_loss", "rnn_relu", "rnn_relu_cell", "rnn_tanh",
    "rnn_tanh_cell", "triplet_margin_loss",
)  # fmt: skip
# Methods that change a tensor, which torch has as functions, too.
_IN_PLACE = (
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_", "as_strided_",
    "asin_", "asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "conj_physical_", "cos_", "cosh_",
    "deg2rad_", "detach_", "erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_", "i0_", "index_put_",
    "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_", "nan_to_num_", "neg_", "negative_", "rad2deg_", "reciprocal_",
    "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_", "tan_", "tanh_", "trunc_", "xlogy_",
)  # fmt: skip


def __getattr__(name):
    if name in _SUBMODULES:
        try:
            return _importlib.import_module(f"flambeau.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.{name}":
                raise
    elif name.startswith("_foreach_"):
        return getattr(_importlib.import_module("flambeau.ops.foreach"), name)
    elif name in _IN_PLACE:
        return getattr(Tensor, name)
    elif name in _NATIVE:
        return getattr(_importlib.import_module("flambeau.nn._native"), name)
    elif name in _ELSEWHERE:
        return getattr(_importlib.import_module("flambeau._elsewhere"), name)
    elif name.endswith("Storage") or name == "StorageBase":
        return getattr(_importlib.import_module("flambeau.storage"), name)
    elif "autocast" in name:
        return getattr(_importlib.import_module("flambeau.amp.autocast_mode"), name)
    elif name == "torch":
        return _sys.modules["flambeau"]  # torch.torch is torch, and programs write it
    elif name in _LAZY:
        return getattr(_importlib.import_module(f"flambeau.{_LAZY[name]}"), name)
    raise _missing.missing(_sys.modules["flambeau"], name)


def _bound(name):
    """What torch._C has beside the names of our own core: modules and names in _bindings."""
    if not name.startswith("__"):
        try:
            return _importlib.import_module(f"flambeau._C.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau._C.{name}":
                raise
        return getattr(_importlib.import_module("flambeau._C._names"), name)
    raise AttributeError(f"module 'flambeau._C' has no attribute {name!r}")


def _operators(name):
    """torch.ops, which is where our own functions are, has operators by namespace, too."""
    if name.startswith("__"):
        raise AttributeError(f"module 'flambeau.ops' has no attribute {name!r}")
    operators = _importlib.import_module("flambeau._ops")
    return getattr(operators, name) if name in ("load_library", "loaded_libraries") else operators.namespace(name)


def _shown(core):
    """`flambeau._C` as programs see it, with names that are looked for when they are asked for.

    Python finds the names of a module with a `__getattr__` several times as slowly: so the core itself, which our own
    modules use, stays without.
    """
    made = type(_sys)(core.__name__, core.__doc__)
    vars(made).update(vars(core), __path__=[f"{__path__[0]}/_bindings"], __getattr__=_bound)
    _sys.modules[core.__name__] = made
    return made


vars(ops)["__getattr__"] = _operators
_C.enable_locations()
_core, _C = _C, _shown(_C)
__all__ = [name for name in dir() if not name.startswith("_")]
