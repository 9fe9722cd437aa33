"""gradcheck and gradgradcheck: right and wrong functions; the outcomes are torch's."""

import warnings

import pytest

from tests.frame import fl

FLOAT, COMPLEX = fl.float64, fl.complex128
gradcheck, gradgradcheck, Function = fl.autograd.gradcheck, fl.autograd.gradgradcheck, fl.autograd.Function


def real(*shape, dtype=FLOAT):
    return fl.linspace(0.4, 1.3, fl.Size(shape).numel(), dtype=dtype).reshape(shape).requires_grad_()


def point(*shape):
    return (real(*shape).detach() + 0.3j).requires_grad_()


def sparse():
    return fl.tensor([[0, 1.0], [2, 0]], dtype=FLOAT).to_sparse().requires_grad_()


def made(forward, backward=None, jvp=None, plain=False):
    """A Function; plain: gradients of outputs that nobody used are None."""

    def run(ctx, *args):
        ctx.set_materialize_grads(not plain)
        return forward(*args)

    body = {"forward": staticmethod(run)}
    if backward:
        body["backward"] = staticmethod(lambda ctx, *grads: backward(*grads))
    if jvp:
        body["jvp"] = staticmethod(lambda ctx, *tangents: jvp(*tangents))
    return type("Made", (Function,), body).apply


def double(x):
    return x * 2


def noisy(g):
    return g * 2 + fl.rand(1, dtype=FLOAT) * 1e-7 * g


class Cube(Function):
    """Its first derivative is right, its second is not."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0].detach() ** 2


right = made(double, double, double)
wrong = made(double, lambda g: g * 3, lambda t: t * 3)
jvp_only = made(double, None, double)
wrong_jvp = made(double, double, lambda t: t * 3)
two = made(lambda x, y: (x * 2, y * 3), lambda g, h: (g if g is None else g * 2, h if h is None else h * 3), plain=True)

PASS = {
    "one tensor": (fl.exp, lambda: real(2)),
    "a list": (fl.exp, lambda: [real(2)]),
    "empty": (fl.exp, lambda: (real(0),)),
    "no dimensions": (fl.exp, lambda: (fl.tensor(0.7, dtype=FLOAT, requires_grad=True),)),
    "strides": (fl.exp, lambda: (real(4, 3).detach().t().requires_grad_(),)),
    "a view": (lambda x: x.view(-1), lambda: (real(2, 2),)),
    "in place": (lambda x: x.clone().mul_(2), lambda: (real(2),)),
    "not a leaf": (fl.exp, lambda: (real(2) * 2,)),
    "the input itself": (lambda x: x, lambda: (real(2),)),
    "unused": (lambda x, y: x * 2, lambda: (real(2), real(3))),
    "other arguments": (lambda x, n, i: x[i] * n, lambda: (real(2), 3, fl.tensor([1, 0]))),
    "integers out": (lambda x: (x * 2, x.argmax()), lambda: (real(2),)),
    "constant": (lambda x: x.detach() * 0 + 1, lambda: (real(2),)),
    "real and complex": (lambda x, z: (z * x, z.abs(), x.exp()), lambda: (real(2), point(2))),
    "complex": (lambda z: (z * z.conj(), fl.exp(z)), lambda: (point(2),)),
    "custom": (right, lambda: (real(2),)),
    "two outputs": (two, lambda: (real(2), real(2))),
}


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("name", PASS)
def test_right(name, fast):
    func, inputs = PASS[name]
    assert gradcheck(func, inputs(), fast_mode=fast)
    if name != "two outputs":
        modes = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
        assert gradcheck(func, inputs(), fast_mode=fast, check_grad_dtypes=True, **modes)


FAIL = {
    "wrong": (wrong, lambda: (real(2),), {}, "Jacobian mismatch for output 0 with respect to input 0,"),
    "second output": (lambda x: (x, wrong(x)), lambda: (real(2),), {}, "Jacobian mismatch for output 1 with respect to input 0,"),
    "second input": (lambda x, y: x * wrong(y), lambda: (real(2), real(2)), {}, "Jacobian mismatch for output 0 with respect to input 1,"),
    "None": (made(double, lambda g: None), lambda: (real(2),), {}, "Jacobian mismatch for output 0 with respect to input 0,"),
    "NaN": (lambda x: x * float("nan"), lambda: (real(2),), {}, "Jacobian mismatch"),
    "kink": (fl.relu, lambda: (fl.zeros(2, dtype=FLOAT, requires_grad=True),), {}, "Jacobian mismatch"),
    "long step": (fl.exp, lambda: (real(2),), {"eps": 0.5}, "Jacobian mismatch"),
    "imaginary": (
        made(lambda z: z * 1, lambda g: g.conj()),
        lambda: (point(2),),
        {},
        "While considering the imaginary part of complex outputs only, Jacobian mismatch for output 0 with respect to input 0,",
    ),
    "real part": (
        lambda x: fl.complex(wrong(x), x),
        lambda: (real(2),),
        {},
        "While considering the real part of complex outputs only, Jacobian mismatch for output 0 with respect to input 0,",
    ),
    "jvp": (
        wrong_jvp,
        lambda: (real(2),),
        {"check_forward_ad": True},
        "Jacobian computed with forward mode mismatch for output 0 with respect to input 0,",
    ),
    "jvp of complex": (
        wrong_jvp,
        lambda: (point(2),),
        {"check_forward_ad": True, "check_backward_ad": False},
        "While considering the imaginary part of complex inputs only, Jacobian computed with forward mode mismatch for output 0 "
        "with respect to input 0,",
    ),
    "noisy": (made(double, noisy), lambda: (real(2),), {}, "Backward is not reentrant, i.e., running backward with same input"),
    "changes": (lambda x: x.detach(), lambda: (real(2),), {}, "Numerical gradient for function expected to be zero"),
    "not multiplied": (
        made(lambda x: x.sum() * 2, lambda g: fl.full((1,), 2.0, dtype=FLOAT)),
        lambda: (real(1),),
        {},
        "backward not multiplied by grad_output",
    ),
    "missing gradient": (
        made(double, lambda g: fl.ones(2, dtype=FLOAT) if g is None else g * 2, plain=True),
        lambda: (real(2),),
        {},
        "Expected all input grads to be undefined or zero when all output grads are undefined or zero",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("name", FAIL)
def test_wrong(name, fast):
    func, inputs, options, message = FAIL[name]
    with pytest.raises(fl.autograd.GradcheckError) as caught:
        gradcheck(func, inputs(), fast_mode=fast, **options)
    assert str(caught.value).startswith(message)
    assert gradcheck(func, inputs(), fast_mode=fast, raise_exception=False, **options) is False


def test_options():
    jvp = {"check_forward_ad": True, "check_backward_ad": False}
    assert gradcheck(jvp_only, (real(2),), check_undefined_grad=False, check_batched_grad=False, **jvp)
    assert gradcheck(jvp_only, (real(2),), **jvp)
    assert gradcheck(wrong_jvp, (real(2),))
    assert gradcheck(made(double, noisy), (real(2),), nondet_tol=1e-5)
    careless = made(double, lambda g: g * 2, plain=True)
    assert gradcheck(careless, (real(2),), check_undefined_grad=False)
    with pytest.raises(TypeError):  # None * 2
        gradcheck(careless, (real(2),))


def test_values_stay():
    x = real(3)
    before, version = x.tolist(), x._version
    assert gradcheck(fl.exp, (x,)) and x.tolist() == before and x._version == version and x.grad is None


def test_inputs_reached_by_another_way():
    layer = fl.nn.Linear(2, 2, dtype=FLOAT)
    x = real(3, 2)
    assert gradcheck(lambda *_: layer(x), (x, *layer.parameters()))


def test_fast_mode_says_it_in_full():
    with pytest.raises(
        fl.autograd.GradcheckError, match=r"in fast mode(.|\n)*Numerical:\n tensor\(\[\[2(.|\n)*difference.*1\.0"
    ):
        gradcheck(wrong, (real(2),), fast_mode=True)


@pytest.mark.parametrize("fast", [False, True])
def test_sparse(fast):
    for func in (lambda s: s.to_dense(), fl.sparse.sum, lambda s: s.to_dense(masked_grad=True)):
        assert gradcheck(func, (sparse(),), masked=True, fast_mode=fast)
    assert gradcheck(fl.sparse.mm, (sparse(), real(2, 3)), masked=True, fast_mode=fast)
    with pytest.raises(fl.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(lambda s: s.to_dense(), (sparse(),), fast_mode=fast)
    with pytest.raises(ValueError, match="Sparse output is not supported"):
        gradcheck(lambda x: x.to_sparse(), (real(2, 3),), fast_mode=fast)


@pytest.mark.parametrize("options", [{}, {"fast_mode": True}, {"check_fwd_over_rev": True}, {"gen_non_contig_grad_outputs": True},
                                     {"check_batched_grad": True},
                                     {"check_fwd_over_rev": True, "check_rev_over_rev": False, "check_undefined_grad": False}])  # fmt: skip
def test_second(options):
    assert gradgradcheck(lambda x, y: x**3 * y, (real(2), real(2)), **options)
    assert gradgradcheck(lambda z: z**3, (point(2),), **options)
    with pytest.raises(fl.autograd.GradcheckError, match="Jacobian"):
        gradgradcheck(Cube.apply, (real(2),), **options)
    assert gradgradcheck(Cube.apply, (real(2),), raise_exception=False, **options) is False


def test_second_where_told():
    assert gradgradcheck(lambda x: x**3, (real(2),), (real(2),))
    assert gradgradcheck(lambda x: x**3, real(2), real(2).detach())
    assert gradcheck(Cube.apply, (real(2),))


REFUSALS = [
    (gradcheck, ((real(2).detach(),),), {}, ValueError, "at least one input tensor to require gradient"),
    (gradcheck, ((3,),), {"raise_exception": False}, ValueError, "at least one input tensor to require gradient"),
    (gradcheck, ((fl.ones(1, dtype=FLOAT).expand(3).requires_grad_(),),), {}, RuntimeError, "0th input has a dimension with stride 0"),
    (gradcheck, ((real(2),),), {"check_backward_ad": False}, AssertionError, "at least one of check_forward_ad or check_backward_ad"),
    (gradcheck, ((real(2),),), {"check_batched_forward_grad": True}, AssertionError, "requires check_forward_ad to be True"),
    (gradcheck, ((real(2),),), {"check_backward_ad": False, "check_forward_ad": True, "check_batched_grad": True}, AssertionError,
     "check_batched_grad=True requires check_backward_ad"),
    (gradgradcheck, ((real(2),),), {"check_rev_over_rev": False}, AssertionError, "at least one of check_fwd_over_rev"),
    (gradgradcheck, ((real(2),),), {"check_rev_over_rev": False, "check_fwd_over_rev": True}, AssertionError,
     "Setting check_undefined_grad=True requires check_rev_over_rev to be True"),
]  # fmt: skip


@pytest.mark.parametrize("check, args, options, kind, message", REFUSALS)
def test_refusals(check, args, options, kind, message):
    with pytest.raises(kind, match=message):
        check(fl.exp, *args, **options)


def test_outputs():
    with pytest.raises(TypeError, match="must return a Tensor or a sequence of Tensors, got int"):
        gradcheck(lambda x: 3, (real(2),))
    edge = fl.tensor([0.5, 1.0], dtype=FLOAT, requires_grad=True)
    with pytest.raises(
        AssertionError, match=r"on index \(0,\) by 1e-06, but got: shapes torch.Size\(\[1\]\) and torch.Size\(\[2\]\)"
    ):
        gradcheck(lambda x: x[: 1 + int(x[0] > 0.5)], (edge,))


def test_warns_of_single_precision():
    with pytest.warns(UserWarning, match="Input #1 requires gradient and is not a double precision"):
        assert gradcheck(lambda n, x: x * n, (2, real(2, dtype=fl.float32)), eps=1e-2, atol=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradcheck(double, (real(2),))
