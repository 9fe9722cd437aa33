"""Names of torch._C that libraries touch, beside those of flambeau's own core."""

import enum

from .. import _C, _interpreters, overrides
from ..jit._marks import _get_tracing_state, _log_api_usage_once  # noqa: F401
from ..overrides import DisableTorchFunction, DisableTorchFunctionSubclass  # noqa: F401

TensorBase = _TensorBase = _C.Tensor
_TensorMeta = type(_C.Tensor)
has_mkl = has_mkldnn = has_lapack = has_cuda = has_mps = has_xpu = _has_mkldnn = _has_cuda = False
has_openmp = has_spectral = True
_GLIBCXX_USE_CXX11_ABI = True


class DispatchKey(enum.IntEnum):
    """Names of torch's dispatcher."""

    Undefined = 0
    CPU = 1
    CUDA = 2
    Meta = 3
    BackendSelect = 4
    Functionalize = 5
    ADInplaceOrView = 6
    AutogradCPU = 7
    AutogradCUDA = 8
    Autograd = 9
    AutocastCPU = 10
    AutocastCUDA = 11
    Batched = 12
    FuncTorchBatched = 13
    FuncTorchGradWrapper = 14
    FuncTorchDynamicLayerBackMode = 15
    FuncTorchDynamicLayerFrontMode = 16
    PreDispatch = 17
    Python = 18
    PythonTLSSnapshot = 19
    PythonDispatcher = 20
    CompositeImplicitAutograd = 21
    CompositeExplicitAutograd = 22
    SparseCPU = 23
    QuantizedCPU = 24
    NestedTensorCPU = 25
    PrivateUse1 = 26
    MPS = 27
    XLA = 28
    XPU = 29


class DispatchKeySet:
    """A set of names of torch's dispatcher."""

    def __init__(self, *keys):
        self._keys = frozenset(keys)

    def has(self, key):
        return key in self._keys

    def add(self, key):
        return DispatchKeySet(*self._keys, key)

    def remove(self, key):
        return DispatchKeySet(*(self._keys - {key}))

    def __or__(self, other):
        return DispatchKeySet(*(self._keys | other._keys))

    def __and__(self, other):
        return DispatchKeySet(*(self._keys & other._keys))

    def __sub__(self, other):
        return DispatchKeySet(*(self._keys - other._keys))

    def __eq__(self, other):
        return isinstance(other, DispatchKeySet) and self._keys == other._keys

    def __hash__(self):
        return hash(self._keys)

    def __repr__(self):
        return f"DispatchKeySet({', '.join(sorted(key.name for key in self._keys))})"

    @staticmethod
    def from_raw_repr(value):
        return DispatchKeySet()


def _dispatch_keys(tensor):
    return DispatchKeySet(DispatchKey.CPU, DispatchKey.AutogradCPU)


class _VariableFunctionsClass:
    """torch's functions as attributes of a class."""

    def __getattr__(self, name):
        import flambeau

        return getattr(flambeau, name)


_VariableFunctions = _VariableFunctionsClass()


def _are_functorch_transforms_active():
    return bool(_interpreters.active())


def _is_torch_function_enabled():
    return True


def _len_torch_function_stack():
    return len(overrides._stack())


def _get_cudnn_enabled():
    return False


def _get_deterministic_algorithms():
    import flambeau

    return flambeau.are_deterministic_algorithms_enabled()


def _get_default_device():
    return "cpu"


def _cuda_getDeviceCount():
    return 0


def _set_grad_enabled(mode):
    _C.set_grad_enabled(mode)


def _jit_set_profiling_executor(mode):
    """Torch's compiler settings: nothing is compiled, the setting has no effect. Returns what it was."""
    return True


_jit_set_profiling_mode = _jit_set_texpr_fuser_enabled = _jit_override_can_fuse_on_cpu = _jit_set_profiling_executor
_jit_override_can_fuse_on_gpu = _jit_set_nvfuser_enabled = _jit_set_profiling_executor


def __getattr__(name):
    if name in ("ScriptModule", "ScriptFunction", "ScriptMethod", "Graph", "Value", "CompilationUnit", "Future"):
        from .. import jit

        return getattr(
            jit, {"ScriptMethod": "ScriptFunction", "Graph": "_NoGraph", "Value": "_NoGraph"}.get(name, name)
        )
    raise AttributeError(f"module 'torch._C' has no attribute {name!r}")
