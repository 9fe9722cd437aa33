"""Ops whose values NumPy computes (LAPACK through numpy.linalg, FFT through numpy.fft) and whose derivatives are ours."""

import contextlib
import functools

from .. import _C

__all__ = [
    "all_of",
    "along_dims",
    "any_of",
    "array_of",
    "copied_for",
    "host",
    "one_by_one",
    "one_thread",
    "pointwise",
    "tensor_of",
    "whole",
    "without_values",
]


vmap_rules = None  # what vmap does with the functions of this module, once there is one (func/_batching.py)


def whole(t):
    """A tensor whose values may be looked at: in vmap all of the batch. For checks, which hold for each as for all."""
    while t.__class__ is not _C.Tensor and (physical := getattr(t, "physical", None)) is not None:
        t = physical
    return t


def any_of(condition):
    """Whether a check finds something: any true element, in vmap of the whole batch. Without values nothing is found."""
    return not condition.is_meta and bool(_C.any(whole(condition)))


def all_of(condition):
    """Whether a check holds for all elements, in vmap of the whole batch. Without values it does."""
    return condition.is_meta or bool(_C.all(whole(condition)))


def copied_for(target, *sources):
    """A copy of target to write the sources into: in vmap one for each of the batch, where a source is one."""
    return _C.clone(target, 1) if vmap_rules is None else vmap_rules.copied_for(target, sources)


def _under_vmap(rule):
    """A decorator: in vmap the function is called by a rule, which gives NotImplemented where no batch is among the arguments."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            if vmap_rules is not None:
                result = getattr(vmap_rules, rule)(call, args, kwargs)
                if result is not NotImplemented:
                    return result
            result = function(*args, **kwargs)
            return without_values(result) if any(isinstance(a, _C.Tensor) and a.is_meta for a in args) else result

        return call

    return decorate


def without_values(result):
    """What was computed of stand-ins, without its values."""
    if isinstance(result, tuple):
        return type(result)(map(without_values, result))
    return result.to("meta") if isinstance(result, _C.Tensor) else result


# Marks of functions that need the values of their tensors. vmap calls such a function once for each of the batch; with all of
# it where it is pointwise; or with one more dimension in front of (input, dims, ...).
one_by_one, pointwise, along_dims = _under_vmap("one_by_one"), _under_vmap("pointwise"), _under_vmap("along_dims")


@functools.cache
def _blas_threads():
    """(get, set) number of threads of the OpenBLAS that NumPy brings, or None where it uses another library."""
    import ctypes

    from numpy.linalg import _umath_linalg

    library = ctypes.CDLL(_umath_linalg.__file__)
    for names in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):
        if hasattr(library, names.format("set")):
            return getattr(library, names.format("get")), getattr(library, names.format("set"))
    return None


@contextlib.contextmanager
def one_thread():
    """NumPy's linear algebra on the caller's thread: the same bits for any number of threads, and no waiting.

    OpenBLAS splits the smallest of products; where another program uses a core its threads wait for each other many
    times longer than they compute.
    """
    found = _blas_threads()
    if found is None:
        yield
        return
    get, put = found
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)


def array_of(t):
    """A NumPy array of a tensor's values: the same memory where that is possible, conjugation carried out.

    A meta tensor stands for a matrix that every function takes: what is computed of it only has the right shape.
    """
    t = _C.detach(t)
    if t.is_meta:
        t = _stand_in(t)
    return (t.resolve_conj() if t.is_complex() else t).resolve_neg().numpy()


def _stand_in(t):
    rows, columns = t.shape[-2:] if t.dim() > 1 else (0, 0)
    if rows and columns:
        return _C.eye(rows, columns, t.dtype).expand(t.shape).contiguous()
    return _C.full(tuple(t.shape), _C.scalar(1), t.dtype)


def tensor_of(array, dtype=None):
    """A tensor with an array's values, strides and memory, converted to `dtype` if one is given."""
    import numpy as np

    from .creation import from_numpy

    array = np.asarray(array)
    if not array.flags.writeable or any(s < 0 for s in array.strides):
        array = array.copy()
    in_columns = array.ndim > 1 and array.strides[-2:] == (array.itemsize, array.itemsize * array.shape[-2])
    if (
        in_columns and 1 in array.shape[-2:] and array.shape[-1] != array.shape[-2] and array.size
    ):  # a dimension of size 1 gets the stride that it has in torch
        return tensor_of(array.swapaxes(-1, -2), dtype).mT
    made = from_numpy(array)
    return made if dtype is None or made.dtype == dtype else made.to(dtype)


def host(name, compute, tensors, backward=None, dtypes=None):
    """Values by NumPy, derivatives by formula: a differentiable op made of a function on arrays.

    Args:
        name: shown in grad_fn: "LinalgInv" gives LinalgInvBackward.
        compute: function of one array per tensor; gives an array or a tuple of them. It must not write to its arguments.
        tensors: the tensor arguments; what else compute or backward need, they take from a closure.
        backward: None for no derivative. Or a list with one formula per tensor (None where it has no derivative), each
            called as `formula(grad, inputs, outputs)` when that gradient is needed: `grad` is the incoming gradient (a
            tuple where compute gives a tuple, with None for outputs that nobody used), `inputs` and `outputs` are the
            tensors, part of the graph. Or one function called so that gives all gradients in a tuple. Written with
            tensor ops, formulas are differentiable themselves, to any order. Integer outputs have no derivative.
        dtypes: dtype of each output; by default a float or complex output gets the precision of the first tensor.
            NumPy works in double precision more often than not.
    Returns: a tensor, or a tuple of them where compute gives a tuple.

    >>> import numpy
    >>> from flambeau.ops._host import host
    >>> x = flambeau.tensor([0.0, 1.0], requires_grad=True)
    >>> y = host("Exp", numpy.exp, [x], [lambda grad, inputs, outputs: grad * outputs[0]])
    >>> flambeau.autograd.grad(y.sum(), x)[0]
    tensor([1.0000, 2.7183])
    """
    from ..autograd.function import Function

    if vmap_rules is not None:
        result = vmap_rules.host(host, name, compute, tensors, backward, dtypes)
        if result is not NotImplemented:
            return result
    record = backward is not None and _C.is_grad_enabled() and any(t.requires_grad for t in tensors)
    if not record:
        return _forward(compute, tensors, dtypes)
    return _kind(name, Function).apply(compute, backward, dtypes, *tensors)


def _forward(compute, tensors, dtypes):
    with one_thread():
        results = compute(*(array_of(t) for t in tensors))
    single = not isinstance(results, tuple)
    results = (results,) if single else results
    dtypes = (None,) * len(results) if dtypes is None else dtypes
    made = tuple(tensor_of(r, d or _precision(r, tensors)) for r, d in zip(results, dtypes, strict=True))
    if any(t.is_meta for t in tensors):
        made = without_values(made)
    return made[0] if single else made


def _precision(array, tensors):
    """The dtype of a result: of the array's kind, as precise as the first tensor."""
    kind = array.dtype.kind
    if kind not in "fc" or not tensors:
        return None
    wide = tensors[0].dtype not in (_C.float32, _C.complex64, _C.float16, _C.bfloat16)
    return {"f": (_C.float32, _C.float64), "c": (_C.complex64, _C.complex128)}[kind][wide]


@functools.cache
def _kind(name, base):
    """The autograd function of an op: a class, because its name is shown in grad_fn."""
    return type(name, (base,), {"forward": staticmethod(_run), "backward": staticmethod(_gradients)})


def _run(ctx, compute, backward, dtypes, *tensors):
    results = _forward(compute, tensors, dtypes)
    outputs = results if isinstance(results, tuple) else (results,)
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*(t for t in outputs if not (t.is_floating_point() or t.is_complex())))
    ctx.save_for_backward(*tensors, *outputs)
    ctx.formulas, ctx.count, ctx.single = backward, len(tensors), outputs is not results
    return results


def _gradients(ctx, *grads):
    saved = ctx.saved_tensors
    inputs, outputs = saved[: ctx.count], saved[ctx.count :]
    if all(g is None for g in grads):
        return (None,) * (3 + ctx.count)
    grad = grads[0] if ctx.single else grads
    if callable(ctx.formulas):
        found = ctx.formulas(grad, inputs, outputs)
    else:
        wanted = zip(ctx.formulas, ctx.needs_input_grad[3:], strict=True)
        found = [f(grad, inputs, outputs) if f is not None and needed else None for f, needed in wanted]
    return (None, None, None, *found)
