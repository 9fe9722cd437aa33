"""Functions with a derivative written in Python."""

import functools

from .. import _C
from .grad_mode import no_grad

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "NestedIOFunction", "once_differentiable"]


class FunctionCtx:
    """What forward leaves for backward.

    >>> class Scale(flambeau.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x, factor):
    ...         ctx.factor = factor  # what is not a tensor is kept as an attribute
    ...         return x * factor
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         print(ctx.needs_input_grad)
    ...         return grad * ctx.factor, None
    >>> x = flambeau.ones(2, requires_grad=True)
    >>> Scale.apply(x, 3.0).sum().backward()
    (True, False)
    >>> x.grad
    tensor([3., 3.])
    """

    _materialize_grads = True
    _non_differentiable = ()
    _dirty = ()
    _to_save = ()
    _for_jvp = ()

    def save_for_backward(self, *tensors):
        """Keep tensors (inputs or outputs, or None) for backward, where they are `ctx.saved_tensors`."""
        self._to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors (inputs or outputs, or None) for jvp, where they are `ctx.saved_tensors`."""
        self._for_jvp = tensors

    def mark_non_differentiable(self, *outputs):
        """Say that outputs have no derivative: they will not require gradients."""
        self._non_differentiable = outputs

    def mark_dirty(self, *tensors):
        """Say that inputs were changed in place; each must be returned too."""
        self._dirty = tensors

    def set_materialize_grads(self, value):
        """Whether backward sees zeros (the default) or None for outputs that nobody used."""
        self._materialize_grads = value

    @property
    def saved_tensors(self):
        """The tensors of save_for_backward; an error if one was changed in place since, or after they were freed."""
        return self._saved_tensors()

    @property
    def needs_input_grad(self):
        return self._needs_input_grad


class _Context(FunctionCtx):
    """The ctx object of one application."""

    def __init__(self, function):
        self._function = function

    def _saved_tensors(self):
        if self._node is None:
            return self._to_save
        return _C.saved_of(self._node)

    _linear = None  # in forward mode: what jvp does, see _products.remember_jvp
    _node = None  # while backward runs; otherwise the node owns the context, not the other way round

    def _apply_backward(self, node, grads):
        """Called by the engine with one gradient (or None) per output; gives one per tensor input."""
        self._node = node
        try:
            return self._gradients(grads)
        finally:
            self._node = None

    def _gradients(self, grads):
        if self._materialize_grads:
            grads = [_C.zeros(tuple(s), d) if g is None else g for g, (s, d) in zip(grads, self._output_metas)]
        if self._linear is not None:
            from ._products import transposed

            results = transposed(self._linear, grads)
        else:
            reverse = self._function.backward
            results = (reverse if reverse is not Function.backward else self._function.vjp)(self, *grads)
        if not isinstance(results, tuple):
            results = (results,)
        name = self._function.__name__
        count = len(self._needs_input_grad)
        if len(results) > count and all(r is None for r in results[count:]):
            results = results[:count]
        if len(results) != count:
            raise RuntimeError(
                f"function {name}Backward returned an incorrect number of gradients (expected {count}, got {len(results)})"
            )
        return tuple(
            self._check(results[i], i, shape)
            for i, shape in zip(self._tensor_positions, self._input_shapes, strict=True)
        )

    def _check(self, gradient, position, shape):
        if gradient is not None and not isinstance(gradient, _C.Tensor):
            raise TypeError(
                f"function {self._function.__name__}Backward returned a {type(gradient).__name__} as gradient {position}, expected Tensor or None"
            )
        if gradient is not None and gradient.shape != shape and not _sums_to(gradient.shape, shape):
            raise RuntimeError(
                f"Function {self._function.__name__}Backward returned an invalid gradient at index {position} - got "
                f"{list(gradient.shape)} but expected shape compatible with {list(shape)}"
            )
        return gradient


def _sums_to(shape, wanted):
    """Whether a gradient of a shape is one of something that was expanded to it."""
    kept = shape[len(shape) - len(wanted) :]
    return len(shape) >= len(wanted) and all(a == b or b == 1 for a, b in zip(kept, wanted, strict=True))


class Function:
    """Base of functions with their own derivative.

    Subclasses define static methods `forward(ctx, *args)` and `backward(ctx, *grads)`, or `forward(*args)`,
    `setup_context(ctx, inputs, output)` and `backward`; they are used through `apply`.

    >>> class Square(flambeau.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = flambeau.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    generate_vmap_rule = False

    def __init__(self, *args, **kwargs):
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated. Methods on autograd functions are all static: call {type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result; to be defined by subclasses."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Fill `ctx` where forward does not take one."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The gradients of the inputs, one for each argument of forward (None where there is none)."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def vmap(info, in_dims, *args):
        """What vmap does with this function: gives (outputs, their mapped dimensions) for arguments whose mapped dimensions
        are in_dims (None: not mapped); info has batch_size and randomness. Without it, and with generate_vmap_rule, the
        function is applied to each of the batch."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Forward-mode derivative."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record the function."""
        ctx = _Context(cls)
        positions = [i for i, a in enumerate(args) if isinstance(a, _C.Tensor)]
        tensors = [args[i] for i in positions]
        recording = _C.is_grad_enabled() and any(t.requires_grad for t in tensors)
        ctx._needs_input_grad = (False,) * len(args)
        if recording:
            ctx._needs_input_grad = tuple([isinstance(a, _C.Tensor) and a.requires_grad for a in args])
        ctx._tensor_positions = positions
        ctx._input_shapes = [t.shape for t in tensors] if recording else ()
        node = _C.function_node(ctx, cls.__name__ + "Backward", tensors) if recording else None
        with no_grad():
            output = cls._run_forward(ctx, args, kwargs)
        if not recording:
            return output
        for_jvp, ctx._for_jvp = ctx._for_jvp or ctx._to_save, ()
        output = _attach(ctx, node, tensors, output)
        if cls.jvp is not Function.jvp:
            from ._products import remember_jvp

            remember_jvp(cls, ctx, args, for_jvp)
        return output

    @classmethod
    def _run_forward(cls, ctx, args, kwargs):
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args, **kwargs)
        output = cls.forward(*args, **kwargs)
        cls.setup_context(ctx, args, output)
        return output


def _attach(ctx, node, inputs, output):
    """Give the outputs of an application their node."""
    single = not isinstance(output, tuple)
    results = [output] if single else list(output)
    dirty = {id(t) for t in ctx._dirty}
    constant = {id(t) for t in ctx._non_differentiable}
    same = {id(t) for t in inputs}
    outputs, kinds = [], []  # of each output: 0 differentiable, 1 not, 2 changed in place
    for i, result in enumerate(results):
        if not isinstance(result, _C.Tensor):
            continue
        kinds.append(1 if id(result) in constant else 2 if id(result) in dirty else 0)
        if kinds[-1] == 0 and (id(result) in same or result.requires_grad or result._is_view_flag):
            fresh = _C.detach(result)  # an input returned as it is, or a view: a tensor of its own
            ctx._to_save = tuple(fresh if t is result and id(result) not in same else t for t in ctx._to_save)
            results[i] = result = fresh
        outputs.append(result)
    ctx._output_metas = [(t.shape, t.dtype) for t in outputs]
    _C.attach_outputs(node, inputs, outputs, kinds)
    _C.save_for_backward(node, ctx._to_save, outputs)
    ctx._to_save = ()
    return results[0] if single else tuple(results)


def undefined_gradients(nodes):
    """What the functions behind some nodes give where gradients of their outputs are missing: all of them, or one, with zeros for
    the others."""
    waiting, seen = [n for n in nodes if n is not None], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting += [n for n, _ in node.next_functions if n is not None]
        ctx = node._context
        if ctx is None:
            continue
        count = len(ctx._output_metas)
        for missing in ([*range(count)], *([i] for i in range(count if count > 1 else 0))):
            grads = [None if i in missing else _C.zeros(tuple(s), d) for i, (s, d) in enumerate(ctx._output_metas)]
            yield ctx._apply_backward(node, tuple(grads))


def once_differentiable(function):
    """Decorates a backward that cannot be differentiated itself: doing so is an error.

    >>> class Square(flambeau.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     @flambeau.autograd.function.once_differentiable
    ...     def backward(ctx, grad):
    ...         return 2 * ctx.saved_tensors[0] * grad
    >>> x = flambeau.tensor(3.0, requires_grad=True)
    >>> (first,) = flambeau.autograd.grad(Square.apply(x) ** 2, x, create_graph=True)
    >>> first.backward()
    Traceback (most recent call last):
        ...
    RuntimeError: trying to differentiate twice a function that was marked with @once_differentiable
    """

    @functools.wraps(function)
    def wrapped(ctx, *grads):
        with no_grad():
            results = function(ctx, *grads)
        needs = _C.is_grad_enabled() and any(isinstance(g, _C.Tensor) and g.requires_grad for g in grads)
        if not needs:
            return results
        single = not isinstance(results, tuple)
        refused = tuple(
            _Refuse.apply(*[g for g in grads if isinstance(g, _C.Tensor)], r) if isinstance(r, _C.Tensor) else r
            for r in ([results] if single else results)
        )
        return refused[0] if single else refused

    return wrapped


class _Refuse(Function):
    @staticmethod
    def forward(ctx, *args):
        return args[-1].clone()

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


class InplaceFunction(Function):
    """A Function that may work in place: `Function` under an old name, which may do so too.

    >>> class Double(flambeau.autograd.function.InplaceFunction):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.mark_dirty(x)
    ...         return x.mul_(2)
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = flambeau.ones(2, requires_grad=True)
    >>> Double.apply(x.clone()).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """


class NestedIOFunction(Function):
    """`Function` under an old name, for old programs; gradients flow to tensor arguments, not into nested ones.

    >>> class Double(flambeau.autograd.function.NestedIOFunction):
    ...     @staticmethod
    ...     def forward(ctx, x, others):
    ...         return x * 2 + others[0]
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2, None
    >>> x = flambeau.ones(2, requires_grad=True)
    >>> Double.apply(x, [flambeau.ones(2)]).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
