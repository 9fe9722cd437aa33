"""Operators of one's own: functions with a schema, a name in torch.ops, a derivative, and a rule for vmap.

@torch.library.custom_op("mylib::scale", mutates_args=())
def scale(x: Tensor, factor: float) -> Tensor:
    return x * factor
"""

import collections.abc
import contextlib
import inspect
import re
import typing

from . import _C, _ops

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "fallthrough_kernel",
    "get_ctx",
    "impl",
    "impl_abstract",
    "infer_schema",
    "opcheck",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_torch_dispatch",
    "register_vmap",
    "triton_op",
    "wrap_triton",
]

_definitions: dict = {}  # {qualified name: CustomOpDef}
_NAME = re.compile(r"^([A-Za-z_]\w*)::([A-Za-z_]\w*)(?:\.(\w+))?$")
_CPU_KEYS = ("CPU", "CompositeImplicitAutograd", "CompositeExplicitAutograd", "cpu", "", None)

# ------------------------------------------------------------------------------------------------------ schemas

_TYPES = {
    int: "SymInt", float: "float", bool: "bool", str: "str", _C.dtype: "ScalarType", _C.device: "Device",
    typing.Union[int, float, bool]: "Scalar", int | float | bool: "Scalar",  # noqa: UP007
}  # fmt: skip


def _type_text(kind, what):
    """A Python type as schemas write it."""
    from . import types

    if kind is _C.Tensor or kind == "Tensor":
        return "Tensor"
    with contextlib.suppress(TypeError):
        if kind in _TYPES:
            return _TYPES[kind]
    if kind is getattr(types, "Number", None):
        return "Scalar"
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        rest = [one for one in args if one is not type(None)]
        if len(rest) == 1 and len(args) == 2:
            return f"{_type_text(rest[0], what)}?"
    if origin in (list, tuple, collections.abc.Sequence) and args:
        inner = [one for one in args if one is not ...]
        if len({str(one) for one in inner}) == 1:
            return f"{_type_text(inner[0], what)}[]"
    raise ValueError(
        f"infer_schema(func): {what} has unsupported type {kind}. The valid types are: Tensor, int, float, bool, str, dtype, "
        "device, numbers, lists of them, and Optional of these"
    )


def infer_schema(prototype_function, /, *, mutates_args, op_name=None):
    """The schema of a function, from its annotations.

    Args:
        prototype_function: a function whose parameters and result have annotations.
        mutates_args: names of tensors that it changes, or "unknown".
        op_name: a name to put before it.

    Raises:
        ValueError: an annotation is missing, or of a type that schemas do not have.

    >>> def scale(x: flambeau.Tensor, factor: float = 2.0) -> flambeau.Tensor: ...
    >>> flambeau.library.infer_schema(scale, mutates_args=())
    '(Tensor x, float factor=2.) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    words, keywords = [], False
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(
                f"infer_schema(func): We do not support positional-only args, varargs, or varkwargs. Got {name}"
            )
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            words.append("*")
            keywords = True
        if name not in hints:
            raise ValueError(f"infer_schema(func): Parameter {name} must have a type annotation. (Got func with signature {signature})")  # fmt: skip
        words.append(_parameter_text(name, hints[name], parameter, mutates_args, len(words)))
    unknown = () if mutates_args == "unknown" else [name for name in mutates_args if name not in signature.parameters]
    if unknown:
        raise ValueError(f"infer_schema(func): mutates_args has names that are no parameters: {sorted(unknown)}")
    return f"{op_name or ''}({', '.join(words)}) -> {_result_text(hints, signature)}"


def _parameter_text(name, hint, parameter, mutates_args, place):
    text = _type_text(hint, f"Parameter {name}")
    changed = text.startswith("Tensor") if mutates_args == "unknown" else name in mutates_args
    if changed:
        if not text.startswith("Tensor"):
            raise ValueError(f"infer_schema(func): Parameter {name} is in mutable_args but only Tensors or collections of Tensors can be mutated")  # fmt: skip
        text = f"Tensor(a{place}!){text.removeprefix('Tensor')}"
    if parameter.default is inspect.Parameter.empty:
        return f"{text} {name}"
    default = parameter.default
    if isinstance(default, float) and default == int(default) and abs(default) < 1e15:
        default = f"{int(default)}."
    elif isinstance(default, str):
        default = f'"{default}"'
    return f"{text} {name}={str(default).removeprefix('torch.')}"


def _result_text(hints, signature):
    if "return" not in hints:
        raise ValueError(
            f"infer_schema(func): No return type annotation was provided. Please add one. (Got {signature})"
        )
    kind = hints["return"]
    if kind is type(None):
        return "()"
    if typing.get_origin(kind) is tuple:
        return f"({', '.join(_type_text(one, 'Return') for one in typing.get_args(kind))})"
    return _type_text(kind, "Return")


# ------------------------------------------------------------------------------------------------------ operators


def _parts(name):
    match = _NAME.match(name)
    if match is None:
        raise ValueError(f"[library] expected the name of an operator as 'namespace::name', got {name!r}")
    return match[1], match[2]


class CustomOpDef:
    """An operator made by `custom_op`: a function that knows its derivative and its rules.

    >>> @flambeau.library.custom_op("examples::double", mutates_args=())
    ... def double(x: flambeau.Tensor) -> flambeau.Tensor:
    ...     return 2 * x
    >>> double(flambeau.ones(1)), flambeau.ops.examples.double(flambeau.ones(1))
    (tensor([2.]), tensor([2.]))
    """

    def __init__(self, qualname, schema, fn, mutates_args=(), tags=None):
        self._namespace, self._name = _parts(qualname)
        self._qualname = f"{self._namespace}::{self._name}"
        self._schema, self._tags = schema, tags
        self._mutates = tuple(mutates_args) if mutates_args != "unknown" else ()
        self._unknown = mutates_args == "unknown"
        self._init_fn = fn
        self._kernels = {}
        self._fake = self._backward = self._setup_context = self._vmap = self._autocast = None
        self._dispatch_rules = {}
        self._signature = inspect.signature(fn) if fn is not None else None
        self._packet = _ops.OpOverloadPacket(self._namespace, self._name, self, schema=schema)
        self.__name__ = self._name
        self.__doc__ = getattr(fn, "__doc__", None)
        _definitions[self._qualname] = self
        _ops.namespace(self._namespace).define(self._name, self._packet)

    @property
    def _opoverload(self):
        return self._packet.default

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        from .overrides import _overloaded, handle_torch_function, has_torch_function

        relevant = (*args, *kwargs.values())
        if has_torch_function(relevant) and _overloaded(relevant):
            return handle_torch_function(self, relevant, *args, **kwargs)
        if self._signature is not None:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        if self._autocast is not None:
            args = self._cast(args)
        if self._vmap is not None and _interpreting():
            return _differentiable(self, args, kwargs)
        if _C.is_grad_enabled() and any(t.requires_grad for t in _tensors((args, kwargs))):
            return self._with_gradient(args, kwargs)
        return self._compute(args, kwargs)

    def _cast(self, args):
        from .amp import autocast_mode

        if not autocast_mode.is_autocast_enabled("cpu"):
            return args
        return tuple(
            a.to(self._autocast) if isinstance(a, _C.Tensor) and a.dtype.is_floating_point else a for a in args
        )

    def _kernel(self):
        kernel = self._kernels.get("cpu", self._kernels.get(None))
        if kernel is None:
            raise NotImplementedError(
                f"[library] {self._qualname} has no implementation for the CPU: add one with register_kernel(None)"
            )
        return kernel

    def _compute(self, args, kwargs):
        given = _tensors((args, kwargs))
        versions = [t._version for t in given]
        result = self._kernel()(*args, **kwargs)
        ids = {id(t) for t in given}
        if not self._unknown and any(id(t) in ids for t in _tensors(result)):
            raise RuntimeError(
                f"{self._qualname} (with implementation in {self._init_fn and self._init_fn.__module__}): The output of this custom "
                "operator (1) must not also be an input to this custom operator and (2) may not alias any inputs to this custom operator "
                "or other returns. The most common way to trigger this error is if we have y = custom_op(x) and y and x are the same "
                "Tensor. Please instead return a clone of the offending output tensor(s) (e.g. return x.clone())"
            )
        self._check_changes(given, versions, args, kwargs)
        return result

    def _check_changes(self, given, versions, args, kwargs):
        if self._unknown or self._signature is None:
            return
        allowed = {id(t) for name, value in self._signature.bind(*args, **kwargs).arguments.items() if name in self._mutates for t in _tensors(value)}  # fmt: skip
        for tensor, version in zip(given, versions):
            if tensor._version != version and id(tensor) not in allowed:
                raise RuntimeError(
                    f"[library] {self._qualname} changed an argument that mutates_args={self._mutates} does not name: name it, or work on a clone"
                )

    def _with_gradient(self, args, kwargs):
        if self._backward is None and self._mutates:
            with _C_no_grad():
                return self._compute(args, kwargs)
        return _differentiable(self, args, kwargs)

    # Rules

    def register_kernel(self, device_types, fn=None, /):
        """Give the implementation for a kind of device, or for all (None); also a decorator."""
        if fn is None:
            return lambda fn: self.register_kernel(device_types, fn)
        for kind in [device_types] if device_types is None or isinstance(device_types, str) else device_types:
            self._kernels[kind] = fn
        return fn

    def register_fake(self, fn, /):
        """Give a function that makes results of the right shape and dtype, for compilers and checks."""
        self._fake = fn
        return fn

    def register_autograd(self, backward, /, *, setup_context=None):
        """Give the derivative.

        Args:
            backward: `backward(ctx, *grads)` returns a gradient for each argument.
            setup_context: `setup_context(ctx, inputs, output)` saves what backward needs.
        """
        if self._mutates:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self._qualname} with schema {self._schema}. Please "
                "create a functional operator and register an autograd formula for that."
            )
        self._backward, self._setup_context = backward, setup_context

    def register_vmap(self, func=None):
        """Give the rule for vmap: `func(info, in_dims, *args)` returns (result, out_dims); also a decorator."""
        if func is None:
            return self.register_vmap
        self._vmap = func
        return func

    def register_autocast(self, device_type, cast_inputs):
        """Cast floating-point arguments inside autocast."""
        if device_type == "cpu":
            self._autocast = cast_inputs

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        """Give what a class or mode with __torch_dispatch__ does instead; also a decorator."""
        if fn is None:
            return lambda fn: self.register_torch_dispatch(torch_dispatch_class, fn)
        self._dispatch_rules[torch_dispatch_class] = fn
        return fn

    @contextlib.contextmanager
    def set_kernel_enabled(self, device_type, enabled=True):
        """A context in which the implementation for a kind of device is not used, but the general one."""
        before = self._kernels.get(device_type)
        if not enabled and before is not None:
            self._kernels[device_type] = self._init_fn
        try:
            yield
        finally:
            if before is not None:
                self._kernels[device_type] = before


def _interpreting():
    from ._interpreters import active

    return any(type(one).__name__ == "Vmap" for one in active())


def _C_no_grad():
    from .autograd.grad_mode import no_grad

    return no_grad()


def _tensors(value):
    if isinstance(value, _C.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in _tensors(item)]
    return [t for item in value.values() for t in _tensors(item)] if isinstance(value, dict) else []


def _differentiable(op, args, kwargs):
    """Call an operator as one node of the graph."""
    from .autograd import Function
    from .utils._pytree import tree_flatten, tree_unflatten

    flat, spec = tree_flatten((args, kwargs))
    found = {}

    class Call(Function):
        @staticmethod
        def forward(ctx, *values):
            args, kwargs = tree_unflatten(list(values), spec)
            result = op._compute(args, kwargs)
            if op._setup_context is not None:
                _set_up(op, ctx, args, kwargs, result)
            out, found["spec"] = tree_flatten(result)
            return tuple(out)

        @staticmethod
        def backward(ctx, *grads):
            if op._backward is None:
                raise RuntimeError(f"Trying to backward through {op._qualname}.default but no autograd formula was registered. Please use register_autograd to add one.")  # fmt: skip
            grads = tree_unflatten(list(grads), found["spec"])
            grads = tuple(grads) if isinstance(grads, (tuple, list)) and found["spec"].num_nodes > 1 else (grads,)
            given = op._backward(ctx, *grads)
            given = given if isinstance(given, tuple) else (given,)
            return _spread(given, args, kwargs, spec)

    if op._vmap is not None:
        Call.vmap = staticmethod(lambda info, in_dims, *values: _batched(op, spec, found, info, in_dims, values))
    out = Call.apply(*flat)
    return tree_unflatten(list(out) if isinstance(out, tuple) else [out], found["spec"])


def _batched(op, spec, found, info, in_dims, values):
    """What the operator's rule for vmap gives, as flat tuples."""
    from .utils._pytree import tree_flatten, tree_unflatten

    args, kwargs = tree_unflatten(list(values), spec)
    dims, _ = tree_unflatten(list(in_dims), spec)
    result, out_dims = op._vmap(info, tuple(dims), *args, **kwargs)
    flat, found["spec"] = tree_flatten(result)
    dims = tree_flatten(out_dims)[0] if isinstance(out_dims, (tuple, list)) else [out_dims] * len(flat)
    return tuple(flat), tuple(dims)


def _set_up(op, ctx, args, kwargs, result):
    parameters = inspect.signature(op._setup_context).parameters
    if "keyword_only_inputs" in parameters:
        op._setup_context(ctx=ctx, inputs=args, keyword_only_inputs=kwargs, output=result)
    else:
        op._setup_context(ctx=ctx, inputs=args, output=result)


def _spread(given, args, kwargs, spec):
    """The gradients, one for each leaf of the arguments."""
    from .utils._pytree import tree_flatten

    made = []
    for gradient, argument in zip(given, args):
        count = len(tree_flatten(argument)[0])
        flat = list(gradient) if isinstance(gradient, (list, tuple)) else [gradient]
        made += flat if len(flat) == count else [gradient] * count
    return (*made, *[None] * (spec.num_leaves - len(made)))


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Make a function an operator: it is called as before, and as `torch.ops.namespace.name`.

    Args:
        name: "namespace::name".
        fn: the function; without it custom_op is a decorator.
        mutates_args: names of the tensors that it changes, or "unknown".
        device_types: the kinds of device that it is for (default: all).
        schema: its signature; by default from its annotations.
        tags: accepted.

    Returns:
        CustomOpDef, with register_autograd, register_fake, register_kernel, register_vmap.

    >>> @flambeau.library.custom_op("examples::cube", mutates_args=())
    ... def cube(x: flambeau.Tensor) -> flambeau.Tensor:
    ...     return x.detach() ** 3
    >>> cube.register_autograd(lambda ctx, g: 3 * g * ctx.x**2, setup_context=lambda ctx, inputs, output: setattr(ctx, "x", inputs[0]))
    >>> x = flambeau.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor(12.)
    """

    def make(fn):
        text = infer_schema(fn, mutates_args=mutates_args) if schema is None else schema
        made = CustomOpDef(name, text, fn, mutates_args, tags)
        made.register_kernel(device_types, fn)
        return made

    return make if fn is None else make(fn)


def triton_op(name, fn=None, /, *, mutates_args, schema=None):
    """`custom_op` for functions that call Triton's kernels.

    >>> @flambeau.library.triton_op("examples::half", mutates_args=())
    ... def half(x: flambeau.Tensor) -> flambeau.Tensor:
    ...     return x / 2
    >>> half(flambeau.ones(1))
    tensor([0.5000])
    """
    return custom_op(name, fn, mutates_args=mutates_args, schema=schema)


def wrap_triton(triton_kernel, /):
    """A kernel of Triton's: it is handed back.

    >>> flambeau.library.wrap_triton(abs) is abs
    True
    """
    return triton_kernel


def _definition(op):
    if isinstance(op, CustomOpDef):
        return op
    if isinstance(op, (_ops.OpOverload, _ops.OpOverloadPacket)):
        op = (op._packet if isinstance(op, _ops.OpOverload) else op)._qualified_op_name
    if not isinstance(op, str):
        raise ValueError(f"[library] expected an operator or its name, got {type(op).__name__}")
    name = "::".join(_parts(op))
    if name not in _definitions:
        raise RuntimeError(f"[library] there is no operator {name}: define it first, with define or custom_op")
    return _definitions[name]


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Give an operator an implementation for a kind of device; also a decorator.

    >>> flambeau.library.define("examples::one", "() -> Tensor")
    >>> flambeau.library.register_kernel("examples::one", "cpu", lambda: flambeau.ones(1))()
    tensor([1.])
    """
    return _definition(op).register_kernel(device_types, func)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=False):
    """Give a function that makes an operator's results of the right shape and dtype; also a decorator.

    >>> flambeau.library.define("examples::same", "(Tensor x) -> Tensor")
    >>> @flambeau.library.register_fake("examples::same")
    ... def same(x):
    ...     return flambeau.empty_like(x)
    """
    return _definition(op).register_fake(func) if func is not None else lambda fn: _definition(op).register_fake(fn)


impl_abstract = register_fake


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """Give an operator its derivative: see CustomOpDef.register_autograd.

    >>> flambeau.library.define("examples::triple", "(Tensor x) -> Tensor")
    >>> _ = flambeau.library.register_kernel("examples::triple", None, lambda x: x * 3)
    >>> flambeau.library.register_autograd("examples::triple", lambda ctx, g: g * 3)
    >>> x = flambeau.ones(1, requires_grad=True)
    >>> flambeau.ops.examples.triple(x).sum().backward()
    >>> x.grad
    tensor([3.])
    """
    _definition(op).register_autograd(backward, setup_context=setup_context)


def register_vmap(op, func=None, /, *, lib=None):
    """Give an operator its rule for vmap: see CustomOpDef.register_vmap.

    >>> flambeau.library.define("examples::batch", "(Tensor x) -> Tensor")
    >>> @flambeau.library.register_vmap("examples::batch")
    ... def rule(info, in_dims, x):
    ...     return x, in_dims[0]
    """
    return _definition(op).register_vmap(func)


def register_autocast(op, device_type, cast_inputs, /, *, lib=None):
    """Cast an operator's floating-point arguments inside autocast.

    >>> flambeau.library.define("examples::low", "(Tensor x) -> Tensor")
    >>> flambeau.library.register_autocast("examples::low", "cpu", flambeau.bfloat16)
    """
    _definition(op).register_autocast(device_type, cast_inputs)


def register_torch_dispatch(op, torch_dispatch_class, func=None, /, *, lib=None):
    """Give what a class or mode with __torch_dispatch__ does instead of an operator; also a decorator.

    >>> flambeau.library.define("examples::seen", "(Tensor x) -> Tensor")
    >>> _ = flambeau.library.register_torch_dispatch("examples::seen", object, lambda mode, func, types, args, kwargs: args[0])
    """
    return _definition(op).register_torch_dispatch(torch_dispatch_class, func)


# ------------------------------------------------------------------------------------------------------ libraries


def fallthrough_kernel():
    """Stands for "use the next implementation"; never called.

    >>> flambeau.library.fallthrough_kernel.__name__
    'fallthrough_kernel'
    """
    raise NotImplementedError("fallthrough_kernel() should never be called.")


def _defined(qualname, schema):
    name, _, rest = schema.partition("(")
    return CustomOpDef(qualname, f"({rest}", None, _changed("(" + rest))


def _changed(schema):
    """The names that a schema marks as changed."""
    return tuple(match[1] for match in re.finditer(r"\(\w+!\)\??(?:\[\])?\s+(\w+)", schema.split("->")[0]))


class Library:
    """Operators of a namespace: `define` their signatures, then `impl` them.

    Args:
        ns: the namespace.
        kind: "DEF" for a namespace of one's own, "FRAGMENT" to add to one, "IMPL" to implement only.
        dispatch_key: the kind of implementation that `impl` gives.

    >>> library = flambeau.library.Library("examples2", "DEF")
    >>> library.define("add_one(Tensor x) -> Tensor")
    'add_one'
    >>> library.impl("add_one", lambda x: x + 1, "CPU")
    >>> flambeau.ops.examples2.add_one(flambeau.zeros(1))
    tensor([1.])
    """

    def __init__(self, ns, kind, dispatch_key=""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        if kind in ("DEF", "FRAGMENT") and ns in ("prim",):
            raise ValueError(f"{ns} is a reserved namespace. Please try creating a library with another name.")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._made = []

    def define(self, schema, alias_analysis="", *, tags=()):
        """Define an operator: `name(Tensor x, int n=1) -> Tensor`. Returns its name."""
        name = schema.partition("(")[0].strip()
        if not name or "->" not in schema:
            raise ValueError(f"[Library.define] expected 'name(arguments) -> result', got {schema!r}")
        plain = name.partition(".")[0]
        if f"{self.ns}::{plain}" in _definitions:
            raise RuntimeError(f"[Library.define] {self.ns}::{plain} is already defined")
        made = _defined(f"{self.ns}::{plain}", schema)
        if "." in name:
            made._packet._names = [name.partition(".")[2]]
        self._made.append(f"{self.ns}::{plain}")
        return name

    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False, allow_override=False):
        """Implement an operator.

        Args:
            op_name: its name, or the operator.
            fn: the function.
            dispatch_key: "CPU", "CompositeImplicitAutograd" and the like for what is computed; "Autograd" for a function that
                is called instead where gradients are recorded; "Meta" for shapes. Those of other devices are kept.
        """
        if not callable(fn):
            raise TypeError(f"Input function is required to be a callable but found type {type(fn)}")
        name = op_name if isinstance(op_name, str) else op_name._qualified_op_name if hasattr(op_name, "_qualified_op_name") else op_name.name()  # fmt: skip
        name = name.split("::")[-1].partition(".")[0]
        op = _definition(f"{self.ns}::{name}")
        key = dispatch_key or self.dispatch_key
        if key == "Meta":
            op.register_fake(fn)
        elif key.startswith("Autograd"):
            op._with_gradient = lambda args, kwargs: fn(*args, **kwargs)
        elif key in _CPU_KEYS:
            op.register_kernel(None, fn)
            if key == "CompositeImplicitAutograd" or op._signature is None:
                with contextlib.suppress(TypeError, ValueError):
                    op._signature = inspect.signature(fn)
            if key in ("CompositeImplicitAutograd", ""):
                op._with_gradient = lambda args, kwargs: fn(*args, **kwargs)
        else:
            op._kernels[key.lower()] = fn

    def _register_fake(self, op_name, fn, _stacklevel=1, *, allow_override=False):
        _definition(f"{self.ns}::{op_name}").register_fake(fn)

    def _destroy(self):
        """Take out what this library has defined."""
        for name in self._made:
            _definitions.pop(name, None)
            space, plain = _parts(name)
            _ops.namespace(space).remove(plain)
        self._made = []


@contextlib.contextmanager
def _scoped_library(*args, **kwargs):
    library = Library(*args, **kwargs)
    try:
        yield library
    finally:
        library._destroy()


def define(qualname, schema=None, *, lib=None, tags=()):
    """Define an operator: its name and signature. With a Library first: its define, as a decorator.

    Args:
        qualname: "namespace::name".
        schema: "(Tensor x) -> Tensor".

    >>> flambeau.library.define("examples::nothing", "(Tensor x) -> Tensor")
    """
    if isinstance(qualname, Library):
        name = qualname.define(schema)

        def decorate(fn):
            qualname.impl(name, fn)
            return fn

        return decorate
    if not isinstance(qualname, str):
        raise ValueError(f"define(qualname, schema): expected qualname to be instance of str, got {type(qualname)}")
    if "->" not in schema or not schema.strip().startswith("("):
        raise ValueError(f"define(qualname, schema, ...): expected schema to look like e.g. \"(Tensor x) -> Tensor\" but got \"{schema}\"")  # fmt: skip
    _defined(qualname, schema)
    return None


def impl(qualname, types=None, func=None, *, lib=None):
    """Implement an operator for kinds of devices; also a decorator. With a Library first: its impl.

    >>> flambeau.library.define("examples::two", "() -> Tensor")
    >>> @flambeau.library.impl("examples::two", "cpu")
    ... def two():
    ...     return flambeau.full((), 2.0)
    >>> flambeau.ops.examples.two()
    tensor(2.)
    """
    if isinstance(qualname, Library):
        library, name, key = qualname, types, func or ""

        def decorate(fn):
            library.impl(name, fn, key)
            return fn

        return decorate
    kinds = (types,) if isinstance(types, str) else tuple(types)

    def register(fn):
        op = _definition(qualname)
        for kind in kinds:
            op.register_kernel(None if kind == "default" else kind, fn)
        if op._signature is None:
            with contextlib.suppress(TypeError, ValueError):
                op._signature = inspect.signature(fn)
        return fn

    return register if func is None else register(func)


def get_ctx():
    """What a function for shapes can ask for sizes that depend on data: an error outside of compilers.

    >>> flambeau.library.get_ctx()
    Traceback (most recent call last):
        ...
    RuntimeError: [library.get_ctx] only a function given to register_fake may call this, while it is called by a compiler: there is none
    """
    raise RuntimeError(
        "[library.get_ctx] only a function given to register_fake may call this, while it is called by a compiler: there is none"
    )


def get_kernel(op, dispatch_key):
    """The implementation of an operator."""
    return _definition(op)._kernel()


class OpCheckError(Exception):
    """What opcheck found."""


_TESTS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


def opcheck(op, args, kwargs=None, *, test_utils=_TESTS, raise_exception=True, atol=None, rtol=None):
    """Check an operator with example arguments: its schema says what it changes, the function for shapes agrees with it,
    its derivative can be called.

    Args:
        op: the operator.
        args, kwargs: example arguments.
        test_utils: the names of checks.
        raise_exception: raise the first error; otherwise they are in the result.

    Returns:
        {name of a check: "SUCCESS" or the error}.

    >>> @flambeau.library.custom_op("examples::checked", mutates_args=())
    ... def checked(x: flambeau.Tensor) -> flambeau.Tensor:
    ...     return x + 1
    >>> flambeau.library.opcheck(checked, (flambeau.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    op, kwargs = _definition(op), kwargs or {}
    names = (test_utils,) if isinstance(test_utils, str) else tuple(test_utils)
    for name in names:
        if name not in _TESTS:
            raise ValueError(f"opcheck(op, ..., test_utils={test_utils}), expected test_utils to be subset of {_TESTS}")
    found = {}
    for name in names:
        try:
            _CHECKS[name](op, args, kwargs)
            found[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise OpCheckError(
                    f"opcheck(op, ...): {name} failed with {error} (scroll up for stack trace)"
                ) from error
            found[name] = error
    return found


def _check_schema(op, args, kwargs):
    with _C_no_grad():
        op._compute(args, kwargs)


def _check_derivative(op, args, kwargs):
    if op._backward is None:
        return
    copies = [a.detach().clone().requires_grad_(a.requires_grad) if isinstance(a, _C.Tensor) else a for a in args]
    total = sum(t.sum() for t in _tensors(op(*copies, **kwargs)) if t.requires_grad)
    if isinstance(total, _C.Tensor):
        total.backward()


def _check_shapes(op, args, kwargs):
    if op._fake is None and str(op._schema).endswith("-> ()"):
        return  # it returns nothing: there is nothing to say of its results
    if op._fake is None:
        raise RuntimeError(f"There was no fake impl registered for {op!r}. Please use register_fake to add one.")
    with _C_no_grad():
        made, wanted = _tensors(op._fake(*args, **kwargs)), _tensors(op._compute(args, kwargs))
    shapes = [[(tuple(t.shape), t.dtype) for t in group] for group in (made, wanted)]
    if shapes[0] != shapes[1]:
        raise RuntimeError(f"the fake implementation gives {shapes[0]}, the operator {shapes[1]}")


_CHECKS = {
    "test_schema": _check_schema,
    "test_autograd_registration": _check_derivative,
    "test_faketensor": _check_shapes,
    "test_aot_dispatch_dynamic": _check_derivative,
}
