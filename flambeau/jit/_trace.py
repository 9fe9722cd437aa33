"""Tracing: the function runs once with example inputs, which checks it; afterwards it runs as Python."""

import contextlib
import threading
import types
import warnings

from .. import _C
from ..nn.modules.module import Module
from ._script import RecursiveScriptModule, ScriptFunction, ScriptModule, _copied

__all__ = ["TopLevelTracedModule", "TracerWarning", "TracingCheckError", "is_tracing", "trace", "trace_module"]

_local = threading.local()


class TracerWarning(Warning):
    """What tracing warns of.

    >>> issubclass(flambeau.jit.TracerWarning, Warning)
    True
    """


class TracingCheckError(Exception):
    """The function gives another result when it is called again.

    >>> issubclass(flambeau.jit.TracingCheckError, Exception)
    True
    """


class TracingState:
    """What is known while a trace is made."""


def state():
    """The state of the trace that is being made, or None."""
    return getattr(_local, "state", None)


def is_tracing():
    """Whether the code runs inside `trace`.

    >>> flambeau.jit.is_tracing()
    False
    """
    return state() is not None


@contextlib.contextmanager
def _tracing():
    before, _local.state = state(), TracingState()
    try:
        yield
    finally:
        _local.state = before


class TopLevelTracedModule(RecursiveScriptModule):
    """What `trace` makes of a module. It stays in the modes (training or evaluation) in which it was traced.

    >>> flambeau.jit.trace(nn.Linear(2, 2), flambeau.ones(1, 2)).original_name
    'Linear'
    """

    def forward(self, *args, **kwargs):
        with self._in_traced_modes():
            return self._python.forward(*args, **kwargs)

    def _get_name(self):
        return self.original_name

    @contextlib.contextmanager
    def _in_traced_modes(self):
        modules = list(self.modules())
        before = [module.training for module in modules]
        for module, mode in zip(modules, self.__dict__["_traced_modes"]):
            module.__dict__["training"] = mode
        try:
            yield
        finally:
            for module, mode in zip(modules, before):
                module.__dict__["training"] = mode


TracedModule = TopLevelTracedModule


def _as_arguments(example):
    if isinstance(example, (_C.Tensor, dict)):
        return (example,)
    try:
        return tuple(example)
    except TypeError:
        raise TypeError(
            f"[jit.trace] example_inputs must be a tensor or a tuple of arguments; '{type(example).__name__}' object is not iterable"
        ) from None


def _check_output(value, strict):
    if isinstance(value, _C.Tensor):
        return
    if isinstance(value, (list, dict)) and strict:
        kind = type(value).__name__
        raise RuntimeError(
            f"Encountering a {kind} at the output of the tracer might cause the trace to be incorrect, this is only valid if the "
            "container structure does not change based on the module's inputs. Consider using a constant container instead (e.g. for "
            "`list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you absolutely need this and know the side "
            "effects, pass strict=False to trace() to allow this behavior."
        )
    if not isinstance(value, (tuple, list, dict)):
        raise RuntimeError(
            "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions"
        )
    for item in value.values() if isinstance(value, dict) else value:
        _check_output(item, strict)


def _tensors(value):
    if isinstance(value, _C.Tensor):
        return [value]
    return [t for item in (value.values() if isinstance(value, dict) else value) for t in _tensors(item)]


def _call(func, args, kwargs):
    with _tracing():
        return func(*args, **kwargs)


def _differ(first, second, tolerance):
    import flambeau

    first, second = _tensors(first), _tensors(second)
    if len(first) != len(second):
        return True
    kind = flambeau.complex128 if any(t.is_complex() for t in (*first, *second)) else flambeau.float64
    return not all(
        a.shape == b.shape and flambeau.allclose(a.to(kind), b.to(kind), tolerance, tolerance, equal_nan=True)
        for a, b in zip(first, second)
    )


def trace(
    func,
    example_inputs=None,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_kwarg_inputs=None,
    _store_inputs=True,
):
    """What torch records as a graph; here the function is run once with the inputs, checked, and keeps running as Python.

    Branches and loops of the function stay what they are: they follow each call's inputs, not those of the trace.

    Args:
        func: a function or a module.
        example_inputs: a tensor, or a tuple of arguments.
        check_trace: call it a second time and warn if the result is another one.
        check_inputs: tuples of arguments to call it with, too.
        check_tolerance: how much results may differ.
        strict: refuse lists and dictionaries as results.
        example_kwarg_inputs: keyword arguments.

    Raises:
        RuntimeError: the results are not tensors, or containers of them.

    >>> traced = flambeau.jit.trace(lambda x: x * 2, flambeau.ones(2))
    >>> traced(flambeau.ones(3))
    tensor([2., 2., 2.])
    """
    if isinstance(func, (ScriptFunction, ScriptModule)):
        return func
    if example_inputs is None and example_kwarg_inputs is None:
        raise RuntimeError("[jit.trace] example_inputs or example_kwarg_inputs must be given")
    kwargs = example_kwarg_inputs or {}
    args = () if example_inputs is None else _as_arguments(example_inputs)
    if isinstance(func, Module):
        made = _traced_module(func)
        _check(func, args, kwargs, check_trace, check_inputs, check_tolerance, strict)
        return made
    owner = getattr(func, "__self__", None)
    if isinstance(func, types.MethodType) and isinstance(owner, Module):
        if func.__name__ == "forward":
            return trace(owner, example_inputs, example_kwarg_inputs=example_kwarg_inputs, check_trace=check_trace,
                         check_inputs=check_inputs, check_tolerance=check_tolerance, strict=strict)  # fmt: skip
        raise AttributeError(
            f"trace doesn't support compiling individual module's functions.\nPlease use trace_module (got {func.__name__})"
        )
    if not callable(func):
        raise TypeError(f"[jit.trace] expected a function or a module, got {type(func).__name__}")
    _check(func, args, kwargs, check_trace, check_inputs, check_tolerance, strict)
    return ScriptFunction(func)


def _check(func, args, kwargs, check_trace, check_inputs, tolerance, strict):
    result = _call(func, args, kwargs)
    _check_output(result, strict)
    # Three times: as often as torch draws random numbers for its check.
    again = [_call(func, args, kwargs) for _ in range(3 if check_trace else 0)]
    if any(_differ(result, other, tolerance) for other in again):
        warnings.warn(
            "Trace had nondeterministic nodes. Did you forget call .eval() on your model? "
            "The traced function gives another result when it is called again.",
            TracerWarning,
            stacklevel=3,
        )
    for other in check_inputs or ():
        _check_output(_call(func, _as_arguments(other), {}), strict)


def _traced_module(module):
    modes = [one.training for one in module.modules()]
    made = TopLevelTracedModule._around(_copied(module, {}))
    made.__dict__["_traced_modes"] = modes
    return made


def trace_module(
    mod,
    inputs,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_inputs_is_kwarg=False,
    _store_inputs=True,
):
    """`trace` of several methods of a module.

    Args:
        mod: a module.
        inputs: {name of a method: its example inputs}.

    >>> traced = flambeau.jit.trace_module(nn.Linear(2, 2), {"forward": flambeau.ones(1, 2)})
    >>> traced(flambeau.ones(4, 2)).shape
    torch.Size([4, 2])
    """
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    for name, example in inputs.items():
        args, kwargs = ((), example) if example_inputs_is_kwarg else (_as_arguments(example), {})
        _check(
            mod if name == "forward" else getattr(mod, name), args, kwargs, check_trace, None, check_tolerance, strict
        )
    made = _traced_module(mod)
    for name in inputs:
        if name != "forward":
            made.__dict__[name] = getattr(made._python, name)
    return made
