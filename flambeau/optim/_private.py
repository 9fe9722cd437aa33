"""The helpers behind torch's optimizers that optimizers of other projects import from torch.optim.optimizer."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import flambeau

ParamsT: TypeAlias = Iterable[flambeau.Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, flambeau.Tensor]]
StateDict: TypeAlias = dict[str, Any]
Args: TypeAlias = tuple[Any, ...]
Kwargs: TypeAlias = dict[str, Any]
DeviceDict = dict[flambeau.device | None, flambeau.Tensor]
DeviceDtypeDict = dict[tuple[flambeau.device, flambeau.dtype] | None, flambeau.Tensor]
GlobalOptimizerPreHook: TypeAlias = Callable[..., tuple[Args, Kwargs] | None]
GlobalOptimizerPostHook: TypeAlias = Callable[..., None]

# Pieces of docstrings.
_params_doc = "params (iterable): parameters, named parameters or dicts of groups"
_foreach_doc = "foreach (bool, optional): whether to update lists of tensors at once (default: None)"
_fused_doc = "fused (bool, optional): whether to make one native call per group (default: None)"
_capturable_doc = "capturable (bool, optional): whether a CUDA graph can hold the step (default: False)"
_differentiable_doc = "differentiable (bool, optional): whether autograd records the step (default: False)"
_maximize_doc = "maximize (bool, optional): whether to climb instead of descend (default: False)"

_ACCELERATORS = ("cuda", "xpu", "hpu", "privateuseone", "xla")


def _get_capturable_supported_devices(supports_xla=True):
    return list(_ACCELERATORS if supports_xla else _ACCELERATORS[:-1])


def _get_foreach_kernels_supported_devices():
    return ["cuda", "xpu", "mtia", "privateuseone"]


def _get_fused_kernels_supported_devices():
    return ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]


def _default_to_fused_or_foreach(params, differentiable, use_fused=False):
    """(fused, foreach) where neither was asked for."""
    fused = use_fused and not differentiable and all(p is None or p.is_floating_point() for p in params)
    return fused, False


def _device_dtype_check_for_fused(p, cuda_unsupported=False):
    if not p.is_floating_point():
        raise RuntimeError(f"`fused=True` requires all the params to be floating point Tensors, got {p.dtype}")


def _use_grad_for_differentiable(func):
    """A step that records a graph if the optimizer's default `differentiable` says so."""

    @functools.wraps(func)
    def _use_grad(*args, **kwargs):
        with flambeau.set_grad_enabled(args[0].defaults["differentiable"]):
            return func(*args, **kwargs)

    return _use_grad


def _disable_dynamo_if_unsupported(single_tensor_fn=None):
    return lambda func: func


def _get_value(x):
    return x.item() if isinstance(x, flambeau.Tensor) else x


def _to_scalar(x):
    return x.squeeze() if isinstance(x, flambeau.Tensor) and x.dim() != 0 else x


def _stack_if_compiling(x):
    return x


def _get_scalar_dtype(is_fused=None):
    """What step counters are kept in."""
    double = not is_fused and flambeau.get_default_dtype() is flambeau.float64
    return flambeau.float64 if double else flambeau.float32


def _view_as_real(params, *state_and_grads):
    """Replaces complex tensors in the lists, where the parameter is complex, by views of pairs of real numbers."""
    for i, param in enumerate(params):
        if param.is_complex():
            for each in (params, *state_and_grads):
                each[i] = flambeau.view_as_real(each[i])


def _group_tensors_by_device_and_dtype(lists, with_indices=False):
    """{(device, dtype of the first list's tensor): (parts of the lists, their places)}."""
    groups = {}
    for place, tensors in enumerate(zip(*lists, strict=True)):
        parts, places = groups.setdefault((tensors[0].device, tensors[0].dtype), ([[] for _ in lists], []))
        for part, tensor in zip(parts, tensors, strict=True):
            part.append(tensor)
        places.append(place)
    return {key: (parts, places if with_indices else []) for key, (parts, places) in groups.items()}
