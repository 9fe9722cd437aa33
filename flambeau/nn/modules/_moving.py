"""Moving a module's tensors to another dtype, device or memory layout."""

import flambeau
from flambeau import Tensor
from flambeau.__future__ import get_overwrite_module_params_on_conversion, get_swap_module_params_on_conversion
from flambeau.nn.parameter import Parameter, is_lazy


def is_parameter(value):
    """True for a Parameter, also for one made from a user's Tensor subclass."""
    return type(value) is Parameter or (type(value) is not Tensor and isinstance(value, Parameter))


class Movable:
    """The part of `Module` that converts every parameter and buffer."""

    def _apply(self, fn, recurse=True):
        if recurse:
            for module in self.children():
                module._apply(fn)
        own = self.__dict__
        for name in own["_parameter_names"]:
            if own[name] is not None:
                own[name] = _convert_parameter(own[name], fn)
        for name in own["_buffer_names"]:
            if own[name] is None:
                continue
            if is_lazy(own[name]):
                own[name].data = fn(own[name])
            else:
                own[name] = fn(own[name])
        return self

    def to(self, *args, **kwargs):
        """Converts floating-point (or complex) parameters and buffers to a dtype and moves all to a device, in place.

        Forms: `to(device, dtype)`, `to(dtype)`, `to(tensor)` (as that tensor is), `to(memory_format=...)`; each with
        `non_blocking`.

        Returns:
            The module itself.

        Example::

            >>> flambeau.nn.Linear(2, 1).to(flambeau.float64).weight.dtype
            torch.float64
        """
        device, dtype, non_blocking, memory_format = parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(t):
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, wanted, non_blocking, memory_format=memory_format)
            return t.to(device, wanted, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Moves all tensors to a device without their values."""
        return self._apply(lambda t: flambeau.empty_like(t, device=device), recurse=recurse)

    def type(self, dst_type):
        """Converts all parameters and buffers to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Converts floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Converts floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Converts floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Converts floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self):
        """Moves all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        """Moves all parameters and buffers to a CUDA device."""
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device=None):
        """Moves all parameters and buffers to an XPU device."""
        return self._apply(lambda t: t.xpu(device))

    def ipu(self, device=None):
        """Moves all parameters and buffers to an IPU device."""
        return self._apply(lambda t: t.ipu(device))

    def mtia(self, device=None):
        """Moves all parameters and buffers to an MTIA device."""
        return self._apply(lambda t: t.mtia(device))


def _convert_parameter(parameter, fn):
    """Changes the parameter and its gradient in place, so that an optimizer keeps seeing the same objects.

    Only a change of device makes a new parameter, or a setting of flambeau.__future__.
    """
    with flambeau.no_grad():
        grad = parameter.grad
        converted = fn(parameter)
        if get_swap_module_params_on_conversion():
            return _swapped(parameter, converted, grad, fn)
        if converted.device.type != parameter.device.type or get_overwrite_module_params_on_conversion():
            parameter = Parameter(converted, parameter.requires_grad)
        elif converted is not parameter:
            if parameter.requires_grad and not (converted.is_floating_point() or converted.is_complex()):
                raise RuntimeError(
                    f"a parameter that requires gradients must stay floating point or complex, not {converted.dtype}: "
                    "call requires_grad_(False) first"
                )
            parameter.data = converted
        if grad is not None:
            new_grad = fn(grad)
            if new_grad.device.type != grad.device.type or get_overwrite_module_params_on_conversion():
                parameter.grad = new_grad.requires_grad_(grad.requires_grad)
            elif new_grad is not grad:
                grad.data = new_grad
        return parameter


def _swapped(parameter, converted, grad, fn):
    """The parameter, having exchanged everything with its converted form, and its gradient likewise."""
    from flambeau.utils._swap import swap_tensors

    if converted is not parameter:
        parameter.grad = None
        swap_tensors(parameter, Parameter(converted, parameter.requires_grad))
    if grad is not None:
        new_grad = fn(grad)
        if new_grad is not grad:
            swap_tensors(grad, new_grad.requires_grad_(grad.requires_grad))
        parameter.grad = grad
    return parameter


def parse_to(
    *args,
    device=None,
    dtype=None,
    non_blocking=False,
    copy=False,
    memory_format=None,
    tensor=None,
):
    """(device, dtype, non_blocking, memory_format) from the arguments of `to` in any of its forms."""
    rest = list(args)
    like = tensor
    if rest and isinstance(rest[0], Tensor):
        like = rest.pop(0)
    if like is not None:
        device, dtype = like.device, like.dtype
    elif rest and isinstance(rest[0], flambeau.dtype):
        dtype = rest.pop(0)
    else:
        if rest and (rest[0] is None or not isinstance(rest[0], bool)):
            device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], flambeau.dtype)):
            dtype = rest.pop(0)
    if rest:
        non_blocking = rest.pop(0)
    if rest or copy:
        raise RuntimeError(f"[to] a module is changed in place, `copy` means nothing to it: {args}")
    if device is not None:
        device = flambeau.device(device)
    return device, dtype, bool(non_blocking), memory_format
