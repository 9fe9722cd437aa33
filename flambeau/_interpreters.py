"""Interpreters: what runs the core's functions while it is on the stack of its thread, such as vmap and dispatch modes.

The entry points of the core's functions are exchanged when the first interpreter of the process is entered, and put back when
the last one leaves (csrc/python/interception.cpp); the operators and methods of Tensor ask as soon as there has been one.
"""

import threading

from . import _C

# Not computations: what asks about tensors, manages memory or belongs to the machinery.
_NOT_PRIMITIVES = {
    "all_classes", "as_method", "as_subclass", "attach_outputs", "can_cast", "check_std", "clone_storage", "crc32", "empty_cache", "enable_interpreters",
    "enable_locations", "enable_overrides", "function_node", "get_default_dtype", "gradient_edge", "has_overrides", "hook_method",
    "hook_primitive", "is_anomaly_enabled", "is_contiguous", "is_grad_enabled", "is_inference_mode_enabled", "is_numpy_array", "keep_packed", "make_batched", "make_gate", "make_subclass", "memory_stats", "op_names",
    "pop_saved_hooks", "promote_types", "push_saved_hooks", "queue_callback", "register_post_accumulate_grad_hook",
    "register_tensor_hook", "remove_tensor_hook", "reset_peak_memory_stats", "result_type", "retain_grad", "save_for_backward",
    "saved_of", "set_anomaly_enabled", "set_constructor", "set_node_class", "set_function_modes", "set_grad_enabled", "set_inference_mode", "set_interpreters", "set_memory_limit", "set_operator",
    "set_storage_of", "set_types_disabled", "size", "storage_bytes", "storage_id", "storage_nbytes", "use_hooks", "watch_classes",
}  # fmt: skip
RANDOM = (
    "bernoulli_", "binomial", "cauchy_", "dirichlet", "dropout", "exponential_", "geometric_", "log_normal_", "multinomial", "normal_",
    "poisson", "rand", "randint", "randn", "random_", "randperm", "standard_gamma", "uniform_",
)  # fmt: skip

_state = threading.local()


class Batched(_C.Tensor):
    """A tensor seen by a function inside vmap: one of a batch, of which `physical` holds all along its first dimension.

    Its own memory is that of the first of the batch: shape, strides and dtype are right, the values are never looked at.
    """

    __torch_function__ = _C._disabled_torch_function_impl

    def new_empty(self, *args, **kwargs):
        return self.vmap.own(super().new_empty(*args, **kwargs))

    def new_full(self, *args, **kwargs):
        return self.vmap.own(super().new_full(*args, **kwargs))

    def new_ones(self, *args, **kwargs):
        return self.vmap.own(super().new_ones(*args, **kwargs))

    def new_zeros(self, *args, **kwargs):
        return self.vmap.own(super().new_zeros(*args, **kwargs))

    def numpy(self, *, force=False):
        return self.tolist()  # raises

    def __array__(self, dtype=None, copy=None):
        return self.tolist()

    def __repr__(self):
        return f"BatchedTensor(bdim=0, value={self.physical!r})"


class Interpreter:
    """Base of what runs the core's functions. While `run` is active, the interpreters outside of this one are."""

    every_call = False  # also calls without batches among the arguments

    def run(self, function, args, kwargs):
        """The result of `function`, one of the core's or the name of a method of Tensor, which may be NotImplemented:
        then it goes its usual way."""
        raise NotImplementedError

    def __enter__(self):
        _enable()
        stack = active()
        if not stack:
            _C.use_hooks(True)
        _activate([*stack, self])
        return self

    def __exit__(self, *exception):
        _activate(active()[:-1])
        if not active():
            _C.use_hooks(False)


def active():
    """The interpreters of this thread, the innermost last."""
    return getattr(_state, "stack", [])


def _activate(stack):
    _state.stack = stack
    _C.set_interpreters(len(stack), any(interpreter.every_call for interpreter in stack))


class within:
    """A context in which exactly the given interpreters are active."""

    def __init__(self, stack):
        self._stack = stack

    def __enter__(self):
        self._before = active()
        _activate(self._stack)

    def __exit__(self, *exception):
        _activate(self._before)


def below(interpreter=None):
    """A context in which only the interpreters outside of the innermost (or the given) one are active."""
    stack = active()
    return within(stack[:-1] if interpreter is None else stack[: stack.index(interpreter)])


def _interpret(function, args, kwargs):
    innermost = active()[-1]
    with below():
        return innermost.run(function, args, kwargs)


# Operators and methods that the core implements itself and that are primitives; those with the tensor as their second argument.
_PRIMITIVE_METHODS = {
    "add", "add_", "div", "div_", "expand", "ge", "gt", "le", "lt", "mul", "mul_", "ne", "neg", "permute", "reshape", "sub", "sub_", "view",
}  # fmt: skip
_REFLECTED = {"__rsub__": "sub", "__rdiv__": "div"}


def as_primitive(method, args):
    """The name of the primitive that an operator or method of Tensor is, and the primitive's arguments; None if it is none."""
    if method in _REFLECTED:
        return _REFLECTED[method], args[::-1]
    if method == "__eq__":
        return "eq", args
    if method not in _PRIMITIVE_METHODS:
        return None
    if method == "view" and len(args) == 2 and isinstance(args[1], _C.dtype):
        return "view_dtype", args
    if method in ("view", "reshape", "permute", "expand"):
        sizes = args[1] if len(args) == 2 and not isinstance(args[1], int) else args[1:]
        return method, (args[0], tuple(sizes))
    return method, args


_enabled = False
_lock = threading.Lock()


def _enable():
    global _enabled
    with _lock:
        if _enabled:
            return
        _enabled = True
        for name, function in vars(_C).items():
            if type(function).__name__ == "nb_func" and name not in _NOT_PRIMITIVES:
                _C.hook_primitive(function, name in RANDOM)
        _C.enable_interpreters(_interpret, Batched)
