"""Transforms of functions: gradients, vector-Jacobian and Jacobian-vector products, Jacobians, Hessians."""

import functools

from .. import _C, autograd
from ..autograd._products import Pushforward, forward_mode, jacobian_rows, pullback, units
from ..utils._pytree import tree_flatten, tree_unflatten
from ._levels import Level

__all__ = ["functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp"]


# ---------------------------------------------------------------------------------------------------- arguments


def _positions(argnums, count):
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not numbers or not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(f"argnums must be an int or a non-empty tuple of ints, got {argnums!r}")
    for n in numbers:
        if not -count <= n < count:
            raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
    numbers = tuple(n % count for n in numbers)
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {argnums!r}")
    return numbers


class _Call:
    """One call of a function with variables of a new level in some places."""

    def __init__(self, level, func, args, kwargs, argnums, has_aux, name):
        self.level = level
        numbers = _positions(argnums, len(args))
        entered = [self.level.enter(args[n]) for n in numbers]
        self.chosen = entered[0] if isinstance(argnums, int) else tuple(entered)
        self.variables, self.spec = tree_flatten(self.chosen)
        full = list(args)
        for n, value in zip(numbers, entered, strict=True):
            full[n] = value
        self.output, self.aux = _with_aux(func(*full, **kwargs), has_aux, name)

    def outputs(self, name):
        """The flat outputs and their spec; all must be tensors."""
        leaves, spec = tree_flatten(self.output)
        for leaf in leaves:
            if not isinstance(leaf, _C.Tensor):
                raise RuntimeError(
                    f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(leaf)}"
                )
        return leaves, spec

    def rows(self, y, record):
        """The Jacobians of one output by each variable."""
        return jacobian_rows(lambda v: pullback([y], self.variables, [v], record), y, self.variables)

    def in_shape(self, values):
        return tree_unflatten(values, self.spec)


def _with_aux(result, has_aux, name):
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


# ---------------------------------------------------------------------------------------------------- gradients


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that computes the gradient of func, which returns a scalar, and its value.

    Args:
        func: returns a tensor with one element and no dimensions; with has_aux a tuple (tensor, anything).
        argnums: which arguments to differentiate by, a number or a tuple of them.
        has_aux: func also returns something that is passed on.

    Returns: a function; it returns (gradients, value) or (gradients, (value, aux)).

    Raises:
        RuntimeError: func does not return a scalar tensor, or argnums are out of range.

    >>> flambeau.func.grad_and_value(lambda x: (x**2).sum())(flambeau.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """
    name = "grad_and_value(f)(*args)"

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        level = Level()
        with autograd.enable_grad():
            call = _Call(level, func, args, kwargs, argnums, has_aux, name)
            value = call.output
            if not isinstance(value, _C.Tensor):
                raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(value)}")
            if value.dim() != 0:
                raise RuntimeError(
                    f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {value.dim()} dims. Maybe "
                    "you wanted to use the vjp or jacrev APIs instead?"
                )
            record = call.level.sees_more([value])
            found = pullback([value], call.variables, [_C.ones_like(value)], record)
            gradients = call.in_shape(call.level.leave(found))
            value = call.level.leave(value)
            return gradients, ((value, call.level.leave(call.aux)) if has_aux else value)

    return wrapper


def grad(func, argnums=0, has_aux=False):
    """A function that computes the gradient of func, which returns a scalar; arguments as for `grad_and_value`.

    >>> first = flambeau.func.grad(flambeau.sin)
    >>> second = flambeau.func.grad(first)
    >>> first(flambeau.tensor(0.0)), second(flambeau.tensor(1.5707964))
    (tensor(1.), tensor(-1.))
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        gradients, value = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return wrapper


def vjp(func, *primals, has_aux=False):
    """The value of func and a function that computes vector-Jacobian products.

    Args:
        func: returns tensors (nested in containers); with has_aux a tuple (tensors, anything).
        primals: its arguments: tensors, or containers of them.

    Returns: (output, pull) or (output, pull, aux); pull(cotangents, shaped like the output) gives a tuple with the
    gradient for each primal.

    >>> value, pull = flambeau.func.vjp(lambda x, y: x * y, flambeau.tensor(2.0), flambeau.tensor(5.0))
    >>> value, pull(flambeau.tensor(1.0))
    (tensor(10.), (tensor(5.), tensor(2.)))
    """
    name = "vjp(f, *primals)"
    if not primals:
        raise RuntimeError(f"{name}: expected at least one primal")
    level = Level()
    with autograd.enable_grad():
        call = _Call(level, func, primals, {}, tuple(range(len(primals))), has_aux, name)
        outputs, spec = call.outputs(name)

    def pull(cotangents, retain_graph=True, create_graph=None):
        outer = Level()
        given, given_spec = tree_flatten(cotangents)
        if given_spec != spec:
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {given_spec}, primal output: {spec}"
            )
        record = outer.outer and (level.sees_more(outputs) or any(v.requires_grad for v in given))
        with autograd.enable_grad():
            return call.in_shape(_kept(pullback(outputs, call.variables, given, record), record))

    output = tree_unflatten(level.leave(outputs), spec)
    return (output, pull, level.leave(call.aux)) if has_aux else (output, pull)


def _kept(values, record):
    return values if record else [value.detach() for value in values]


# ------------------------------------------------------------------------------------------------- push forward


def _tangents_for(call, tangents, name):
    given, spec = tree_flatten(tangents)
    if spec != call.spec:
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple "
            "of 3 tensors, tangents also must be."
        )
    for x, t in zip(call.variables, given, strict=True):
        if not isinstance(t, _C.Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
        if t.shape != x.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(x.shape)} while the given forward gradient is of size "
                f"{list(t.shape)}."
            )
    return given


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """The value of func and its derivative in the direction of the tangents.

    Args:
        func: returns tensors (nested in containers); with has_aux a tuple (tensors, anything).
        primals: tuple of its arguments.
        tangents: the direction, shaped like the primals.
        strict: raise where an output does not depend on the primals.

    Returns: (output, derivative) or (output, derivative, aux).

    Source: two reverse passes, https://j-towns.github.io/2017/06/12/A-new-trick.html

    >>> flambeau.func.jvp(lambda x: x**3, (flambeau.tensor(2.0),), (flambeau.tensor(1.0),))
    (tensor(8.), tensor(12.))
    """
    name = "jvp(f, primals, tangents)"
    for value, what in ((primals, "primals"), (tangents, "tangents")):
        if not isinstance(value, tuple):
            raise RuntimeError(f"{name}: Expected {what} to be a tuple. E.g. it should be valid to call f(*primals).")
    level = Level()
    with autograd.enable_grad(), forward_mode():
        call = _Call(level, func, primals, {}, tuple(range(len(primals))), has_aux, name)
        given = _tangents_for(call, tangents, name)
        outputs, spec = call.outputs(name)
        if strict and not all(y.requires_grad for y in outputs):
            raise RuntimeError(f"{name}: an output is independent of the primals, which strict=True does not allow")
        record = level.outer and (level.sees_more(outputs) or any(t.requires_grad for t in given))
        found = _kept(Pushforward(outputs, call.variables)(given, record), record)
    result = tree_unflatten(level.leave(outputs), spec), tree_unflatten(found, spec)
    return (*result, level.leave(call.aux)) if has_aux else result


def linearize(func, *primals):
    """The value of func and its derivative at this point as a function of the direction.

    >>> value, push = flambeau.func.linearize(flambeau.sin, flambeau.tensor(0.0))
    >>> push(flambeau.tensor(2.0))
    tensor(2.)
    """
    name = "linearize(f, *primals)"
    level = Level()
    with autograd.enable_grad(), forward_mode():
        call = _Call(level, func, primals, {}, tuple(range(len(primals))), False, name)
        outputs, spec = call.outputs(name)
        forward = Pushforward(outputs, call.variables)

    def push(*tangents):
        with autograd.enable_grad():
            return tree_unflatten(_kept(forward(_tangents_for(call, tangents, name), False), False), spec)

    return tree_unflatten(level.leave(outputs), spec), push


# ---------------------------------------------------------------------------------------------------- Jacobians


def _check_chunk(name, chunk_size):
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"{name}: `chunk_size` should be greater than 0.")


def jacrev(func, argnums=0, has_aux=False, *, chunk_size=None):
    """A function that computes the Jacobian of func by one reverse pass per element of the output.

    Args:
        func, argnums, has_aux: as for `grad_and_value`, but func returns tensors of any shape (nested in containers).
        chunk_size: how many passes torch runs at once; here they run one by one, with the least memory.

    Returns: a function; for each output (shape S) and each chosen argument (shape T) it gives a tensor of shape S + T.

    >>> flambeau.func.jacrev(flambeau.sin)(flambeau.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    name = "jacrev(f, *args)"
    _check_chunk("jacrev", chunk_size)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        level = Level()
        with autograd.enable_grad(), forward_mode():
            call = _Call(level, func, args, kwargs, argnums, has_aux, name)
            outputs, spec = call.outputs(name)
            record = level.sees_more(outputs)
            blocks = [call.rows(y, record) for y in outputs]
            jacobian = tree_unflatten([call.in_shape(level.leave(row)) for row in blocks], spec)
        return (jacobian, level.leave(call.aux)) if has_aux else jacobian

    return wrapper


def jacfwd(func, argnums=0, has_aux=False, *, chunk_size=None, randomness="error"):
    """A function that computes the Jacobian of func by one directional derivative per element of the arguments.

    Arguments and results as for `jacrev`; it needs fewer passes where there are fewer inputs than outputs. func runs once,
    so `randomness`, which says what torch's vmap does with random numbers, has nothing to decide.

    >>> flambeau.func.jacfwd(lambda x: x * x)(flambeau.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    name = "jacfwd(f, *args)"
    _check_chunk("jacfwd", chunk_size)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        level = Level()
        with autograd.enable_grad(), forward_mode():
            call = _Call(level, func, args, kwargs, argnums, has_aux, name)
            outputs, spec = call.outputs(name)
            record = level.sees_more(outputs)
            forward = Pushforward(outputs, call.variables)
            columns = [_columns(forward, i, record) for i in range(len(call.variables))]
            blocks = [call.in_shape(level.leave(list(row))) for row in zip(*columns, strict=True)]
        jacobian = tree_unflatten(blocks, spec)
        return (jacobian, level.leave(call.aux)) if has_aux else jacobian

    return wrapper


def _columns(forward, i, record):
    """The Jacobians of all outputs by variable i."""
    from ..ops import stack

    x = forward.variables[i]
    found = []
    for unit in units(x):
        tangents = [None] * len(forward.variables)
        tangents[i] = unit
        found.append(forward(tangents, record))
    if not found:
        return [y.new_zeros((*y.shape, *x.shape)) for y in forward.outputs]
    return [
        stack(column).movedim(0, -1).reshape(*y.shape, *x.shape)
        for column, y in zip(zip(*found, strict=True), forward.outputs, strict=True)
    ]


def hessian(func, argnums=0):
    """A function that computes second derivatives of func: the forward Jacobian of the reverse one.

    >>> flambeau.func.hessian(lambda x: (x**3).sum())(flambeau.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func, *, remove="mutations"):
    """func itself: the transforms here work on functions that mutate tensors as they are.

    >>> flambeau.func.functionalize(lambda x: x.clone().add_(1))(flambeau.zeros(2))
    tensor([1., 1.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are: "
            'remove="mutations", remove="mutations_and_views"'
        )

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*args, **kwargs)

    return wrapper
