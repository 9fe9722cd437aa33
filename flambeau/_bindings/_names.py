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


DispatchKey = enum.IntEnum(
    "DispatchKey",
    """
    Undefined CompositeExplicitAutogradNonFunctional CompositeExplicitAutograd
    CompositeImplicitAutogradNestedTensor CompositeImplicitAutograd AutogradNestedTensor AutogradOther Autograd
    Conjugate ZeroTensor Negative BackendSelect ADInplaceOrView PythonTLSSnapshot Python
    FuncTorchDynamicLayerFrontMode FuncTorchDynamicLayerBackMode FuncTorchBatchedDecomposition FuncTorchBatched
    FuncTorchVmapMode FuncTorchGradWrapper PythonDispatcher PreDispatch Functionalize AutocastCPU AutocastMPS
    AutocastXPU AutocastHPU AutocastIPU AutocastCUDA AutocastPrivateUse1 Dense StartOfDenseBackends CPU CUDA HIP
    XLA MPS IPU XPU HPU VE Lazy MTIA MAIA PrivateUse1 PrivateUse2 PrivateUse3 Meta EndOfDenseBackends Quantized
    StartOfQuantizedBackends QuantizedCPU QuantizedCUDA QuantizedHIP QuantizedXLA QuantizedMPS QuantizedIPU
    QuantizedXPU QuantizedHPU QuantizedVE QuantizedLazy QuantizedMTIA QuantizedMAIA QuantizedPrivateUse1
    QuantizedPrivateUse2 QuantizedPrivateUse3 QuantizedMeta EndOfQuantizedBackends Sparse StartOfSparseBackends
    SparseCPU SparseCUDA SparseHIP SparseXLA SparseMPS SparseIPU SparseXPU SparseHPU SparseVE SparseLazy SparseMTIA
    SparseMAIA SparsePrivateUse1 SparsePrivateUse2 SparsePrivateUse3 SparseMeta EndOfSparseBackends SparseCsr
    StartOfSparseCsrBackends SparseCsrCPU SparseCsrCUDA SparseCsrHIP SparseCsrXLA SparseCsrMPS SparseCsrIPU
    SparseCsrXPU SparseCsrHPU SparseCsrVE SparseCsrLazy SparseCsrMTIA SparseCsrMAIA SparseCsrPrivateUse1
    SparseCsrPrivateUse2 SparseCsrPrivateUse3 SparseCsrMeta EndOfSparseCsrBackends NestedTensor
    StartOfNestedTensorBackends NestedTensorCPU NestedTensorCUDA NestedTensorHIP NestedTensorXLA NestedTensorMPS
    NestedTensorIPU NestedTensorXPU NestedTensorHPU NestedTensorVE NestedTensorLazy NestedTensorMTIA
    NestedTensorMAIA NestedTensorPrivateUse1 NestedTensorPrivateUse2 NestedTensorPrivateUse3 NestedTensorMeta
    EndOfNestedTensorBackends AutogradFunctionality StartOfAutogradFunctionalityBackends AutogradCPU AutogradCUDA
    AutogradHIP AutogradXLA AutogradMPS AutogradIPU AutogradXPU AutogradHPU AutogradVE AutogradLazy AutogradMTIA
    AutogradMAIA AutogradPrivateUse1 AutogradPrivateUse2 AutogradPrivateUse3 AutogradMeta
    EndOfAutogradFunctionalityBackends
    """,
)


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


class PyTorchFileReader:
    """torch's reader of archives: see flambeau.load."""

    def __init__(self, *args):
        raise NotImplementedError("[PyTorchFileReader] read files with flambeau.load, which knows torch's formats")


class PyTorchFileWriter:
    """torch's writer of archives: see flambeau.save."""

    def __init__(self, *args):
        raise NotImplementedError("[PyTorchFileWriter] write files with flambeau.save, in torch's format")


def __getattr__(name):
    if name in ("ScriptModule", "ScriptFunction", "ScriptMethod", "Graph", "Value", "CompilationUnit", "Future"):
        from .. import jit

        return getattr(
            jit, {"ScriptMethod": "ScriptFunction", "Graph": "_NoGraph", "Value": "_NoGraph"}.get(name, name)
        )
    raise AttributeError(f"module 'torch._C' has no attribute {name!r}")
