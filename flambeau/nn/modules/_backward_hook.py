"""Backward hooks of modules: identities around the module's inputs and outputs that report the gradients passing."""

import warnings

from flambeau import Tensor, is_grad_enabled, zeros_like
from flambeau.autograd import Function


class _Watch(Function):
    """The identity on tensors; backward gives the gradients to a function and passes on what that returns.

    Where a tensor has no gradient, with `fill` the function sees zeros; without, it sees None and zeros are passed on.
    """

    @staticmethod
    def forward(ctx, react, fill, *tensors):
        ctx.react, ctx.fill = react, fill
        ctx.like = [t.detach() for t in tensors]
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx, *grads):
        if ctx.fill:
            return (None, None, *ctx.react(_filled(grads, ctx.like)))
        return (None, None, *_filled(ctx.react(grads), ctx.like))


def _filled(grads, like):
    return [zeros_like(t) if grad is None else grad for grad, t in zip(grads, like, strict=True)]


class BackwardHook:
    """Runs a module's full backward hooks for one call.

    Gradients by the outputs arrive first and are kept; the hooks run when those by the inputs arrive, or at once where
    no input requires a gradient.
    """

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = None
        self.input_places, self.input_count = None, -1
        self.output_places, self.output_count = None, -1

    def setup_input_hook(self, args):
        """The arguments with the identity on the tensors among them."""
        args, self.input_places, self.input_count = _watch(self._at_inputs, args, fill=True)
        return args

    def setup_output_hook(self, result):
        """The result with the identity on the tensors in it."""
        single = isinstance(result, Tensor)
        outputs = (result,) if single else result
        if not isinstance(outputs, tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs, self.output_places, self.output_count = _watch(self._at_outputs, outputs, fill=False)
        return outputs[0] if single else outputs

    def _at_outputs(self, grads):
        self.grad_outputs = _spread(grads, self.output_places, self.output_count)
        for hook in self.pre_hooks:
            new = hook(self.module, self.grad_outputs)
            if new is not None:
                self.grad_outputs = _same_length(new, self.output_count, "grad_output", "Backward pre hook")
        grad_outputs = self.grad_outputs
        if not self.input_places:
            if self.hooks:
                warnings.warn(
                    "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                    "inputs require gradients. See the docs of register_full_backward_hook for more info.",
                    stacklevel=5,
                )
            self._call_hooks((None,) * max(self.input_count, 0))
        return [grad_outputs[i] for i in self.output_places]

    def _at_inputs(self, grads):
        grad_inputs = self._call_hooks(_spread(grads, self.input_places, self.input_count))
        return [grad_inputs[i] for i in self.input_places]

    def _call_hooks(self, grad_inputs):
        if self.grad_outputs is None:  # the gradient did not come through the outputs
            return grad_inputs
        for hook in self.hooks:
            new = hook(self.module, grad_inputs, self.grad_outputs)
            if new is None:
                continue
            if not self.input_places:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )
            grad_inputs = _same_length(new, self.input_count, "grad_input", "Backward hook")
        self.grad_outputs = None
        return grad_inputs


def _watch(react, values, fill):
    """(values with the watched tensors, places of the tensors, number of values); no places if none requires grad."""
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not (is_grad_enabled() and any(values[i].requires_grad for i in places)):
        return values, [], len(values)
    watched = _Watch.apply(react, fill, *[values[i] for i in places])
    values = list(values)
    for i, tensor in zip(places, watched, strict=False):
        values[i] = tensor
    return tuple(values), places, len(values)


def _spread(grads, places, count):
    result = [None] * count
    for i, grad in zip(places, grads, strict=False):
        result[i] = grad
    return tuple(result)


def _same_length(new, count, name, who):
    new = tuple(new) if isinstance(new, tuple | list) else (new,)
    if len(new) != count:
        raise RuntimeError(f"{who} returned an invalid number of {name}, got {len(new)}, but expected {count}")
    return new


def attach_plain_hooks(module, hooks, args, result):
    """The older kind of backward hooks: on the node that made the first tensor of the result."""
    first = result
    while not isinstance(first, Tensor):
        first = (
            next((v for v in first.values() if isinstance(v, Tensor)), None) if isinstance(first, dict) else first[0]
        )
        if first is None:
            return
    if first.grad_fn is None:
        return
    module_is_one_node = isinstance(result, Tensor) and len(args) == 1
    if not module_is_one_node:
        warnings.warn(
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is deprecated and will "
            "be removed in future versions. This hook will be missing some grad_input. Please use "
            "register_full_backward_hook to get the documented behavior.",
            FutureWarning,
            stacklevel=4,
        )
    for hook in hooks:
        first.grad_fn.register_hook(lambda grad_in, grad_out, hook=hook: hook(module, grad_in, grad_out))
