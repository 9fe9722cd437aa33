"""Gradients against finite differences."""

import warnings

from .. import _C

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative that is not what finite differences say.

    >>> x = flambeau.ones(1, dtype=flambeau.float64, requires_grad=True)
    >>> try:
    ...     flambeau.autograd.gradcheck(lambda x: x * x.detach(), (x,))  # half of the derivative is missing
    ... except flambeau.autograd.GradcheckError as error:
    ...     print(str(error).splitlines()[0])
    Jacobian mismatch for output 0 with respect to input 0,
    """


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
    """Whether the derivatives of func at inputs agree with central finite differences; inputs should be float64 or complex128.

    The Jacobian of every output by every input that requires a gradient is compared, element by element. A complex output
    counts as its two parts.

    Args:
        func: takes the inputs, gives a tensor or a sequence of tensors.
        inputs: a tensor or a sequence; those that require gradients are checked.
        eps: step of the differences. atol, rtol: tolerances.
        raise_exception: raise GradcheckError instead of returning False.
        nondet_tol: by how much two backward passes may differ.
        check_undefined_grad: backward must do with None for outputs that nobody used.
        check_grad_dtypes: derivatives must have the dtype of what they belong to.
        check_batched_grad, check_batched_forward_grad: under vmap the derivatives must be the same.
        check_forward_ad, check_backward_ad: which modes are checked.
        fast_mode: compare products with random vectors instead of whole Jacobians.
        masked: sparse inputs change only where they have elements.

    Raises:
        GradcheckError: a derivative is wrong.
        ValueError: no input requires a gradient, or an output is sparse.
        RuntimeError: elements of an input share memory.

    >>> x = flambeau.tensor([0.5, 2.0], dtype=flambeau.float64, requires_grad=True)
    >>> flambeau.autograd.gradcheck(flambeau.exp, (x,), check_forward_ad=True)
    True
    """
    _require(
        check_forward_ad or check_backward_ad,
        "Expected at least one of check_forward_ad or check_backward_ad to be True",
    )
    for name, given, other, needed in (
        ("check_batched_grad", check_batched_grad, "check_backward_ad", check_backward_ad),
        ("check_batched_forward_grad", check_batched_forward_grad, "check_forward_ad", check_forward_ad),
    ):
        _require(needed or not given, f"Setting {name}=True requires {other} to be True")
    try:
        point = _point(func, inputs, eps, masked)
        if not point.outputs:
            return _check_constant(point)
        compare = _Comparison(point, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
        if check_backward_ad:
            compare.check_reverse()
        if check_forward_ad:
            compare.check_forward()
        if check_batched_forward_grad:
            _check_batched_forward(point)
        if check_batched_grad:
            _check_batched(point)
        if check_backward_ad:
            _check_zeros(point)
            if check_undefined_grad:
                _check_undefined(point)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


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

    Args:
        func, inputs: as of gradcheck.
        grad_outputs: where the gradients are taken, one for each output that requires a gradient (default: random).
        gen_non_contig_grad_outputs: lay the random ones apart in memory.
        check_rev_over_rev, check_fwd_over_rev: differentiate backward by another backward, or in forward mode.
        others: as of gradcheck.

    >>> x = flambeau.tensor([0.5, 2.0], dtype=flambeau.float64, requires_grad=True)
    >>> flambeau.autograd.gradgradcheck(flambeau.exp, (x,))
    True
    """
    _require(
        check_fwd_over_rev or check_rev_over_rev,
        "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True",
    )
    for name, given in (("check_undefined_grad", check_undefined_grad), ("check_batched_grad", check_batched_grad)):
        _require(check_rev_over_rev or not given, f"Setting {name}=True requires check_rev_over_rev to be True")
    inputs = _tuple(inputs)
    if grad_outputs is None:
        grad_outputs = _random_gradients(func, inputs, gen_non_contig_grad_outputs)
    return gradcheck(
        _first_derivative(func, inputs),
        (*inputs, *_tuple(grad_outputs)),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        masked=masked,
    )


# ------------------------------------------------------------------------------------------------ the function


def _require(condition, message):
    if not condition:
        raise AssertionError(message)


def _tuple(values):
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def _point(func, inputs, eps, masked):
    """The function at its inputs, which are fit to be checked."""
    from ._jacobians import Point, is_sparse

    inputs = _tuple(inputs)
    checked = [(i, x) for i, x in enumerate(inputs) if isinstance(x, _C.Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in checked:
        if x.dtype not in (_C.float64, _C.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if not is_sparse(x) and any(step == 0 and size > 1 for step, size in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be "
                "able to compute the numerical gradients correctly. You should call .contiguous on the input before passing it "
                "to gradcheck."
            )
    point = Point(func, inputs, eps, masked)
    if any(is_sparse(y) for y in point.outputs):
        raise ValueError(
            "Sparse output is not supported at gradcheck yet. Please call to_dense(masked_grad=...) on the output of fn for "
            "gradcheck."
        )
    return point


def _random_gradients(func, inputs, noncontiguous):
    """Numbers between -1 and 1 for every output that requires a gradient."""
    from ..ops import empty_like, stack, view_as_real

    found = []
    for y in _tuple(func(*inputs)):
        if isinstance(y, _C.Tensor) and y.requires_grad:
            drawn = empty_like(y.detach())
            (view_as_real(drawn) if drawn.is_complex() else drawn).uniform_(-1, 1)
            found.append((stack([drawn, drawn], -1)[..., 0] if noncontiguous else drawn).requires_grad_())
    return found


def _first_derivative(func, inputs):
    """The gradients of func as a function of its inputs and of what backward starts from."""
    from . import enable_grad, grad

    wanted = [i for i, x in enumerate(inputs) if isinstance(x, _C.Tensor) and x.requires_grad]

    def first(*args):
        values, starts = list(args[: len(inputs)]), args[len(inputs) :]
        with enable_grad():
            for i in wanted:
                values[i] = values[i] if values[i].requires_grad else values[i].detach().requires_grad_()
            outputs = [y for y in _tuple(func(*values)) if isinstance(y, _C.Tensor) and y.requires_grad]
            found = grad(outputs, [values[i] for i in wanted], starts, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return first


# ------------------------------------------------------------------------------------------------ Jacobians


def _check_constant(point):
    """No output requires a gradient, so none may change with an input."""
    from ._jacobians import Jacobians

    found = Jacobians(point)
    for k in range(len(point.inputs)):
        if any(m is not None and bool((m.abs() > 1e-5).any()) for m in found.along(k, 1)):
            raise GradcheckError("Numerical gradient for function expected to be zero")
    return True


def _parts(tensors):
    """(name, unit) of the parts of which numbers are made; without a name where all are real."""
    return (("imaginary", 1j), ("real", 1)) if any(t.is_complex() for t in tensors) else ((None, 1),)


class _Comparison:
    """How derivatives are compared."""

    def __init__(self, point, atol, rtol, nondet_tol, check_dtypes, fast):
        from ._jacobians import Jacobians, Products

        self.point, self.fast, self.check_dtypes = point, fast, check_dtypes
        self.atol, self.rtol, self.nondet_tol = atol, rtol, nondet_tol
        self.derivatives = Products(point) if fast else Jacobians(point)
        self.whole = Jacobians(point) if fast else self.derivatives

    def check_reverse(self):
        for part, unit in _parts(self.point.outputs):
            for i, y in enumerate(self.point.outputs):
                if part == "imaginary" and not y.is_complex():
                    continue
                found, again = (self.derivatives.reverse(i, unit) for _ in range(2))
                for k in range(len(self.point.inputs)):
                    numerical = self.derivatives.numerical(i, k, part)
                    if not self.close(found[k], numerical, self.derivatives.scale(k, i)):
                        note = self.fast and self.in_full(
                            self.whole.numerical(i, k, part), self.whole.reverse(i, unit)[k]
                        )
                        raise _mismatch("", part and f"{part} part of complex outputs", i, k, numerical, found[k], note)
                    self.check_same(found[k], again[k])

    def check_forward(self):
        for part, unit in _parts(self.point.values):
            for k, x in enumerate(self.point.values):
                if part == "imaginary" and not x.is_complex():
                    continue
                for i, found in enumerate(self.derivatives.forward(k, unit)):
                    place, mode = self.point.kept[i], "computed with forward mode "
                    numerical = self.derivatives.along(k, unit)[place]
                    if self.check_dtypes and found.dtype != self.point.outputs[i].dtype:
                        raise GradcheckError("Forward AD gradient has dtype mismatch.")
                    if not self.close(found, numerical, self.derivatives.scale(k)):
                        note = self.fast and self.in_full(
                            self.whole.along(k, unit)[place], self.whole.forward(k, unit)[i]
                        )
                        raise _mismatch(mode, part and f"{part} part of complex inputs", i, k, numerical, found, note)

    def close(self, analytical, numerical, scale):
        """Whether two derivatives agree. The absolute tolerance is one of single elements, which products add up."""
        dtype = _C.promote_types(analytical.dtype, numerical.dtype)
        analytical, numerical = analytical.to(dtype), numerical.to(dtype)
        bound = self.atol * scale + self.rtol * numerical.abs()
        return bool(((analytical - numerical).abs() <= bound).all())

    def check_same(self, first, second):
        """Two backward passes must give the same."""
        if bool(((first - second).abs() > self.nondet_tol).any()):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                "different values, although analytical gradient matches numerical gradient."
                f"The tolerance for nondeterminism was {self.nondet_tol}.\n\nIf that is meant, pass nondet_tol=<tolerance>."
            )

    def in_full(self, numerical, analytical):
        """What is added to the error of the fast mode."""
        difference = float((analytical - numerical).abs().max())
        return (
            "\nThe above quantities relating the numerical and analytical jacobians are computed \nin fast mode. The whole "
            f"jacobians, in slow mode:\n\nNumerical:\n {numerical}\nAnalytical:\n{analytical}\n\n"
            f"The max per-element difference (slow mode) is: {difference}.\n"
        )


def _mismatch(mode, part, i, k, numerical, analytical, note):
    numerical, analytical = (t.item() if t.dim() == 0 else t for t in (numerical, analytical))
    return GradcheckError(
        (f"While considering the {part} only, " if part else "")
        + f"Jacobian {mode}mismatch for output {i} with respect to input {k},\nnumerical:{numerical}\n"
        f"analytical:{analytical}\n" + (note or "")
    )


# ------------------------------------------------------------------------------------------------ batches


def _check_batched(point):
    """What backward gives for a batch of cotangents must be what it gives for each."""
    for i, y in enumerate(point.outputs):
        _compare_batched(
            lambda v, i=i: point.pull(i, v), y.detach(), lambda k, i=i: (i, k), "check_batched_grad", "gradients"
        )


def _check_batched_forward(point):
    """The same for tangents in forward mode."""
    for k, x in enumerate(point.values):
        _compare_batched(
            lambda v, k=k: point.push(k, v), x, lambda i, k=k: (i, k), "check_batched_forward_grad", "gradients"
        )


def _compare_batched(derivative, like, numbers, option, what):
    from ..func import vmap
    from ..ops import allclose, randn_like, stack

    rows = [randn_like(like) for _ in range(2)]
    expected = [stack(column) for column in zip(*map(derivative, rows), strict=True)]
    advice = f"\n\n{option}=False leaves this out."
    try:
        found = vmap(lambda v: tuple(derivative(v)))(stack(rows))
    except RuntimeError as error:
        raise GradcheckError(f"While computing batched {what}, got: {error}{advice}") from error
    for place, (got, wanted) in enumerate(zip(found, expected, strict=True)):
        if not allclose(got, wanted):
            i, k = numbers(place)
            raise GradcheckError(
                f"\nFor output {i} and input {k}:\n\nbatched {what} differ from those computed one by one.\n\nGot:\n{got}\n\n"
                f"Expected:\n{wanted}\n{advice}"
            )


# ------------------------------------------------------------------------------------------------ zeros and None


def _check_zeros(point):
    """A gradient of zeros must give zeros."""
    for i, y in enumerate(point.outputs):
        if any(bool((g != 0).any()) for g in point.pull(i, _C.zeros_like(y.detach()))):
            raise GradcheckError("backward not multiplied by grad_output")


def _check_undefined(point):
    """Functions get None for outputs that nobody used, where they ask for it: that must give zeros too."""
    from .function import undefined_gradients

    for found in undefined_gradients([y.grad_fn for y in point.outputs]):
        if any(g is not None and bool((g != 0).any()) for g in found):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are undefined or zero: backward adds "
                "something that is not multiplied by them"
            )
