"""Trading computation for memory: activations are computed again in backward instead of being kept."""

import contextlib
import warnings
import weakref

import flambeau

from ._selective import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

__all__ = [
    "SAC_IGNORED_OPS",
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "SelectiveCheckpointContext",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

running: list = []  # the frames of the checkpoints whose first run is under way, the innermost last
_debug_enabled: bool | None = None
_early_stop_enabled: bool | None = None


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function differs from the first.

    >>> runs = []
    >>> def changing(x):
    ...     runs.append(x)
    ...     return x.exp().exp() if len(runs) == 1 else x.exp()
    >>> y = flambeau.utils.checkpoint.checkpoint(changing, flambeau.ones(1, requires_grad=True), use_reentrant=False)
    >>> try:
    ...     y.backward()
    ... except flambeau.utils.checkpoint.CheckpointError as error:
    ...     print(len(runs))
    2
    """


class _Enough(Exception):
    """Ends a recomputation: all that was asked for is there."""


def noop_context_fn():
    """Two contexts that do nothing.

    >>> with flambeau.utils.checkpoint.noop_context_fn()[0]:
    ...     pass
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


class DefaultDeviceType:
    """The kind of device whose random state `checkpoint` keeps besides the CPU's.

    >>> flambeau.utils.checkpoint.DefaultDeviceType.get_device_type()
    'cpu'
    """

    _default_device_type = "cpu"

    @staticmethod
    def set_device_type(device="cuda"):
        """Sets the kind."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type():
        """The kind."""
        return DefaultDeviceType._default_device_type


def get_device_states(*args):
    """The devices, other than the CPU, of tensors in some arguments, and their random states: two empty lists here.

    >>> flambeau.utils.checkpoint.get_device_states(flambeau.ones(2))
    ([], [])
    """
    return [], []


def set_device_states(devices, states, *, device_type=None):
    """Sets the random states that `get_device_states` gave.

    >>> flambeau.utils.checkpoint.set_device_states([], [])
    """
    if len(devices) or len(states):
        raise RuntimeError(f"[set_device_states] there are no devices but the CPU, got {devices}")


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled):
    """Inside, all checkpoints are made with this `debug`; None leaves it to their arguments.

    >>> with flambeau.utils.checkpoint.set_checkpoint_debug_enabled(True):
    ...     pass
    """
    global _debug_enabled
    before, _debug_enabled = _debug_enabled, enabled
    try:
        yield
    finally:
        _debug_enabled = before


@contextlib.contextmanager
def set_checkpoint_early_stop(enable):
    """Inside, all checkpoints are made with this `early_stop`.

    >>> with flambeau.utils.checkpoint.set_checkpoint_early_stop(False):
    ...     pass
    """
    global _early_stop_enabled
    before, _early_stop_enabled = _early_stop_enabled, enable
    try:
        yield
    finally:
        _early_stop_enabled = before


def check_backward_validity(inputs):
    """Warns if no input requires a gradient: backward would not come here.

    >>> flambeau.utils.checkpoint.check_backward_validity([flambeau.ones(1, requires_grad=True)])
    """
    if not any(isinstance(value, flambeau.Tensor) and value.requires_grad for value in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


@contextlib.contextmanager
def _random_state(state):
    """Runs a block with the given random state, and goes back to the present one after; None: as it is."""
    if state is None:
        yield
        return
    present = flambeau.get_rng_state()
    flambeau.set_rng_state(state)
    try:
        yield
    finally:
        flambeau.set_rng_state(present)


def detach_variable(inputs):
    """The inputs with each tensor cut from its graph, requiring a gradient as before.

    >>> flambeau.utils.checkpoint.detach_variable((flambeau.ones(1), 3))
    (tensor([1.]), 3)
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(
        value.detach().requires_grad_(value.requires_grad) if isinstance(value, flambeau.Tensor) else value
        for value in inputs
    )


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check="default",
    debug=False,
    early_stop=True,
    preserve_rng_state=True,
    **kwargs,
):
    """Computes ``function(*args, **kwargs)`` without keeping what backward needs; backward computes it again.

    Args:
        function: any function of tensors that does the same when it is called again.
        use_reentrant: True runs a backward inside of backward: no keyword arguments, no ``autograd.grad``. False is
            recommended; None warns and means True.
        context_fn: gives two contexts, for the first run and for the second (not reentrant only).
        determinism_check: ``"default"`` compares shapes and dtypes of both runs, ``"none"`` does not.
        debug: name the function in the error when the runs differ.
        early_stop: end the second run as soon as all needed values are there.
        preserve_rng_state: let the second run draw the same random numbers.

    Returns:
        What the function returns.

    Raises:
        CheckpointError: in backward, if the second run differs.
        ValueError: keyword arguments with ``use_reentrant=True``.

    Example:
        >>> import flambeau
        >>> x = flambeau.ones(2, requires_grad=True)
        >>> checkpoint(lambda x: (x * 2).exp(), x, use_reentrant=False).sum().backward()
        >>> [round(g, 2) for g in x.grad.tolist()]
        [14.78, 14.78]

    Source: Chen et al., Training deep nets with sublinear memory cost, 2016.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but "
            "if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for "
            "more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    if _early_stop_enabled is not None:
        early_stop = _early_stop_enabled
    first, second = context_fn()
    frame = _Frame(function, args, kwargs, second, preserve_rng_state, determinism_check == "default", early_stop)
    frame.where = f"\nin {function!r}" if (debug if _debug_enabled is None else _debug_enabled) else ""
    with first, flambeau.autograd.graph.saved_tensors_hooks(frame.pack, frame.unpack):
        running.append(frame)
        try:
            result = function(*args, **kwargs)
        finally:
            running.remove(frame)
    return result


class CheckpointFunction(flambeau.autograd.Function):
    """The reentrant form, as a function that autograd sees from outside.

    >>> x = flambeau.ones(1, requires_grad=True)
    >>> flambeau.utils.checkpoint.CheckpointFunction.apply(flambeau.exp, True, x).requires_grad
    True
    """

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        """Runs without recording."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.rng_state = flambeau.get_rng_state() if preserve_rng_state else None
        ctx.is_tensor = [isinstance(value, flambeau.Tensor) for value in args]
        ctx.others = [None if tensor else value for tensor, value in zip(ctx.is_tensor, args, strict=True)]
        ctx.save_for_backward(*(value for value in args if isinstance(value, flambeau.Tensor)))
        with flambeau.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        """Runs again, recording, and goes backward through that."""
        tensors = iter(ctx.saved_tensors)
        inputs = detach_variable(
            tuple(next(tensors) if t else other for t, other in zip(ctx.is_tensor, ctx.others, strict=True))
        )
        for value, needed in zip(inputs, ctx.needs_input_grad[2:], strict=True):
            if needed:  # what another checkpoint recomputed does not say so itself
                value.requires_grad_()
        with _random_state(ctx.rng_state), flambeau.enable_grad():
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, flambeau.Tensor) else outputs
        pairs = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=True)
            if isinstance(output, flambeau.Tensor) and output.requires_grad
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        flambeau.autograd.backward([output for output, _ in pairs], [grad for _, grad in pairs])
        return (None, None, *(value.grad if isinstance(value, flambeau.Tensor) else None for value in inputs))


class _Holder:
    """Stands in the graph for a tensor that is not kept."""

    def __init__(self, tensor):
        self.shape, self.dtype, self.device = tensor.shape, tensor.dtype, tensor.device
        self.value = None
        self.kept = None  # the tensor, if it is kept after all

    def check(self, tensor, position, where):
        """Raises if a recomputed tensor is not of the same kind."""
        before = {"shape": self.shape, "dtype": self.dtype, "device": self.device}
        now = {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}
        if before != now:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                f"during the forward pass.\ntensor at position {position}:\nsaved metadata: {before}\n"
                f"recomputed metadata: {now}{where}"
            )


class _Frame:
    """One checkpointed call: what was saved in the first run, in order, and how to get it again."""

    def __init__(self, function, args, kwargs, context, preserve_rng_state, compare, early_stop):
        self.function, self.args, self.kwargs, self.context = function, args, kwargs, context
        self.compare, self.early_stop = compare, early_stop
        self.rng_state = flambeau.get_rng_state() if preserve_rng_state else None
        self.holders = []
        self.where = ""  # what is said of the function in errors
        self.recent = None  # a list that collects holders with their tensors, if somebody asks for it

    def pack(self, tensor):
        """Called for each tensor the first run saves."""
        holder = _Holder(tensor)
        self.holders.append(weakref.ref(holder))
        if self.recent is not None:
            self.recent.append((holder, tensor))
        return holder

    def unpack(self, holder):
        """Called when backward needs one of them."""
        if holder.kept is not None:
            return holder.kept
        if holder.value is None:
            self._run_again()
        if holder.value is None:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.holders)}{self.where}"
            )
        value, holder.value = holder.value, None
        return value

    def _run_again(self):
        count = 0

        def keep(tensor):
            nonlocal count
            position, count = count, count + 1
            holder = self.holders[position]() if position < len(self.holders) else None
            if holder is not None:
                if self.compare:
                    holder.check(tensor, position, self.where)
                holder.value = tensor.detach()
            if self.early_stop and count == len(self.holders):
                raise _Enough
            return tensor.detach()

        hooks = flambeau.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with contextlib.suppress(_Enough), _random_state(self.rng_state), flambeau.enable_grad(), hooks, self.context:
            self.function(*self.args, **self.kwargs)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Runs functions one after the other, checkpointing all but the last of so many segments.

    Args:
        functions: a ``Sequential`` or a list of functions.
        segments: how many parts to make.
        input: of the first function.
        use_reentrant: as for :func:`checkpoint`.

    Returns:
        The last function's result.

    Example:
        >>> import flambeau
        >>> x = flambeau.ones(1, requires_grad=True)
        >>> y = checkpoint_sequential([flambeau.exp, flambeau.log, flambeau.exp], 2, x, use_reentrant=False)
        >>> round(y.item(), 3)
        2.718
    """
    if kwargs.keys() - {"preserve_rng_state"}:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if isinstance(functions, flambeau.nn.Sequential) else functions)
    size = len(functions) // segments

    def part(start, end):
        def run(value):
            for function in functions[start:end]:
                value = function(value)
            return value

        return run

    start = 0
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(part(start, start + size), input, use_reentrant=use_reentrant, **kwargs)
    return part(start + size if segments > 1 and size else 0, len(functions))(input)
