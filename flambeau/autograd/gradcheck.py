"""Gradients against finite differences."""

import itertools

from .. import _C

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative that is not what finite differences say.

    >>> x = flambeau.ones(1, dtype=flambeau.float64, requires_grad=True)
    >>> try:
    ...     flambeau.autograd.gradcheck(lambda x: x * x.detach(), (x,))  # half of the derivative is missing
    ... except flambeau.autograd.GradcheckError as error:
    ...     print(str(error).splitlines()[0])
    Jacobian mismatch for input 0:
    """


def _tensors(values):
    return [v for v in values if isinstance(v, _C.Tensor)]


def _outputs(func, inputs):
    out = func(*inputs)
    out = _tensors(out) if isinstance(out, (tuple, list)) else [out]
    return [o for o in out if o.requires_grad]


def _parts(array):
    """The real degrees of freedom of an array, as (view, factor) pairs."""
    return [(array.real, 1), (array.imag, 1j)] if array.dtype.kind == "c" else [(array, 1)]


def _numeric(func, inputs, x, weights, eps):
    """d(sum of weights . outputs) / dx by central differences, in torch's convention for complex numbers."""
    import numpy as np

    from ..autograd.grad_mode import no_grad

    data = x.detach().numpy()
    result = np.zeros(data.shape, data.dtype)

    def value():
        with no_grad():
            outs = func(*inputs)
        outs = _tensors(outs) if isinstance(outs, (tuple, list)) else [outs]
        outs = [o for o, w in zip(outs, weights) if w is not None]
        return sum(
            (np.conj(w) * o.detach().numpy()).real.sum() for o, w in zip(outs, [w for w in weights if w is not None])
        )

    for index in np.ndindex(*data.shape):
        old = data[index]
        for unit in (1, 1j) if data.dtype.kind == "c" else (1,):
            data[index] = old + eps * unit
            high = value()
            data[index] = old - eps * unit
            low = value()
            result[index] += (high - low) / (2 * eps) * unit
        data[index] = old
    return result


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Whether the gradients of func at inputs agree with central finite differences; inputs should be float64 or complex128.

    Args:
        func: takes the inputs, gives a tensor or a tuple of tensors.
        inputs: tensors; those that require gradients are checked.
        eps: step of the differences. atol, rtol: tolerances.
        raise_exception: raise GradcheckError instead of returning False.
        check_backward_ad: check what backward gives.
        check_forward_ad: check what forward mode (make_dual, unpack_dual) gives, in one direction.

    >>> x = flambeau.tensor([0.5, 2.0], dtype=flambeau.float64, requires_grad=True)
    >>> flambeau.autograd.gradcheck(flambeau.exp, (x,), check_forward_ad=True)
    True
    """
    import numpy as np

    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if not any(x.requires_grad for x in _tensors(inputs)):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    forward = _compared_forward(func, inputs, eps) if check_forward_ad else ()
    backward = _compared_backward(func, inputs, eps) if check_backward_ad else ()
    for what, got, expected in itertools.chain(forward, backward):
        if not np.allclose(got, expected, rtol, atol):
            if not raise_exception:
                return False
            raise GradcheckError(f"Jacobian mismatch for {what}:\nnumerical: {expected}\nanalytical: {got}")
    return True


def _random(source, like):
    """Numbers for a tensor's shape and kind, as an array."""
    values = source.uniform(0.5, 1.5, tuple(like.shape))
    return values + 1j * source.uniform(0.5, 1.5, values.shape) if like.is_complex() else values


def _compared_backward(func, inputs, eps):
    """Of each input that requires a gradient: (what, its gradient, differences)."""
    import numpy as np

    from ..ops import as_tensor
    from . import grad

    checked = [x for x in _tensors(inputs) if x.requires_grad]
    outs = func(*inputs)
    outs = _tensors(outs) if isinstance(outs, (tuple, list)) else [outs]
    source = np.random.default_rng(0)
    weights = [_random(source, out) if out.requires_grad else None for out in outs]
    wanted = [o for o in outs if o.requires_grad]
    if not wanted:
        raise ValueError("gradcheck expects at least one output to require gradient")
    starts = [as_tensor(w, dtype=o.dtype) for o, w in zip(outs, weights) if w is not None]
    for number, (x, got) in enumerate(zip(checked, grad(wanted, checked, starts, allow_unused=True))):
        expected = _numeric(func, inputs, x, weights, eps)
        yield f"input {number}", np.zeros_like(expected) if got is None else got.detach().numpy(), expected


def _compared_forward(func, inputs, eps):
    """Of each output: (what, its derivative in a direction by forward mode, differences)."""
    import numpy as np

    from ..ops import as_tensor
    from . import forward_ad

    source = np.random.default_rng(2)
    tangents = [
        as_tensor(_random(source, x), dtype=x.dtype) if isinstance(x, _C.Tensor) and x.requires_grad else None
        for x in inputs
    ]
    with forward_ad.dual_level():
        duals = [x if t is None else forward_ad.make_dual(x, t) for x, t in zip(inputs, tangents)]
        found = [forward_ad.unpack_dual(out).tangent for out in _outputs(func, duals)]

    def at(step):
        moved = [x if t is None else (x.detach() + step * t).requires_grad_() for x, t in zip(inputs, tangents)]
        return [out.detach().numpy() for out in _outputs(func, moved)]

    for number, (got, high, low) in enumerate(zip(found, at(eps), at(-eps))):
        expected = (high - low) / (2 * eps)
        yield (
            f"output {number} in forward mode",
            np.zeros_like(expected) if got is None else got.detach().numpy(),
            expected,
        )


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """Whether the second derivatives of func at inputs agree with finite differences of the first.

    >>> x = flambeau.tensor([0.5, 2.0], dtype=flambeau.float64, requires_grad=True)
    >>> flambeau.autograd.gradgradcheck(flambeau.exp, (x,))
    True
    """
    import numpy as np

    from ..ops import as_tensor
    from . import grad

    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outs = _outputs(func, inputs)
    if grad_outputs is None:
        source = np.random.default_rng(1)
        grad_outputs = [as_tensor(_random(source, out), dtype=out.dtype).requires_grad_() for out in outs]
    grad_outputs = tuple(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
    positions = [i for i, x in enumerate(inputs) if isinstance(x, _C.Tensor) and x.requires_grad]

    def first(*args):
        values, starts = args[: len(inputs)], args[len(inputs) :]
        from .grad_mode import enable_grad

        with enable_grad():
            values = [
                v.detach().requires_grad_() if i in positions and not v.requires_grad else v
                for i, v in enumerate(values)
            ]
            return grad(
                _outputs(func, values),
                [values[i] for i in positions],
                starts,
                create_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )

    return gradcheck(
        first,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )
