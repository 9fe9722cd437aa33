"""flambeau.library: operators, their derivatives, rules and checks."""

import pytest

from tests.frame import fl

library = fl.library
Tensor = fl.Tensor


@pytest.fixture
def cube():
    calls = []

    @library.custom_op("testing::cube", mutates_args=())
    def cube(x: Tensor, scale: float = 1.0) -> Tensor:
        calls.append(x.requires_grad)
        return x.detach() ** 3 * scale

    cube.calls = calls
    return cube


def backward(ctx, g):
    return 3 * g * ctx.x**2 * ctx.scale, None


def setup(ctx, inputs, output):
    ctx.x, ctx.scale = inputs


def test_derivatives(cube):
    cube.register_autograd(backward, setup_context=setup)
    x = fl.tensor([2.0], requires_grad=True)
    y = fl.ops.testing.cube(x, scale=2.0)
    y.sum().backward()
    assert y.item() == 16 and x.grad.item() == 24 and cube._schema == "(Tensor x, float scale=1.) -> Tensor"
    assert fl.ops.testing.cube.default(fl.ones(1)).item() == 1 and not cube(fl.ones(1)).requires_grad


def test_without_a_derivative(cube):
    y = cube(fl.ones(1, requires_grad=True))
    with pytest.raises(RuntimeError, match="no autograd formula"):
        y.sum().backward()


def test_vmap(cube):
    cube.register_vmap(lambda info, in_dims, x, scale: (x**3 * scale, in_dims[0]))
    assert fl.vmap(cube)(fl.arange(3.0)).tolist() == [0, 1, 8]


def test_results_must_be_new():
    @library.custom_op("testing::same", mutates_args=())
    def same(x: Tensor) -> Tensor:
        return x

    with pytest.raises(RuntimeError, match="must not also be an input"):
        same(fl.ones(1))


def test_changed_arguments():
    @library.custom_op("testing::fill", mutates_args=("x",))
    def fill(x: Tensor, value: float) -> None:
        x.fill_(value)

    x = fl.zeros(2)
    assert fill(x, 3.0) is None and x.tolist() == [3, 3] and fill._schema == "(Tensor(a0!) x, float value) -> ()"

    @library.custom_op("testing::sneaky", mutates_args=())
    def sneaky(x: Tensor) -> Tensor:
        x.add_(1)
        return x.clone()

    with pytest.raises(RuntimeError, match="mutates_args"):
        sneaky(x)
    with pytest.raises(RuntimeError, match="non-functional"):
        fill.register_autograd(backward)


def test_libraries():
    with library._scoped_library("testing2", "DEF") as made:
        made.define("double(Tensor x) -> Tensor")
        made.impl("double", lambda x: x * 2, "CompositeImplicitAutograd")
        x = fl.ones(1, requires_grad=True)
        fl.ops.testing2.double(x).sum().backward()
        assert x.grad.item() == 2
        with pytest.raises(RuntimeError, match="already defined"):
            made.define("double(Tensor x) -> Tensor")
        with pytest.raises(ValueError):
            made.define("nothing")
    with pytest.raises(AttributeError):
        fl.ops.testing2.double
    with pytest.raises(ValueError, match="Unsupported kind"):
        library.Library("a", "OTHER")


def test_schemas():
    def f(a: Tensor, b: list[int], c: Tensor | None = None, *, d: bool = True, e: str = "x") -> tuple[Tensor, int]: ...

    assert (
        library.infer_schema(f, mutates_args=())
        == '(Tensor a, SymInt[] b, Tensor? c=None, *, bool d=True, str e="x") -> (Tensor, SymInt)'
    )
    for bad, text in (
        (lambda x: x, "type annotation"),
        (lambda *x: x, "varargs"),
    ):
        with pytest.raises(ValueError, match=text):
            library.infer_schema(bad, mutates_args=())


def test_checks(cube):
    cube.register_autograd(backward, setup_context=setup)
    with pytest.raises(library.OpCheckError, match="no fake impl"):
        library.opcheck(cube, (fl.ones(2),))
    cube.register_fake(lambda x, scale=1.0: fl.empty_like(x))
    assert set(library.opcheck(cube, (fl.ones(2, requires_grad=True),)).values()) == {"SUCCESS"}
    cube.register_fake(lambda x, scale=1.0: fl.empty(3))
    found = library.opcheck(cube, (fl.ones(2),), raise_exception=False)
    assert isinstance(found["test_faketensor"], RuntimeError)


def test_checks_of_operators_that_return_nothing():
    @library.custom_op("examples::sine_into", mutates_args={"output"})
    def sine_into(input: Tensor, output: Tensor) -> None:
        output.copy_(input.sin())

    assert set(library.opcheck(sine_into, (fl.ones(2), fl.empty(2))).values()) == {"SUCCESS"}


def test_what_is_not_there():
    with pytest.raises(ValueError, match="namespace::name"):
        library.define("name", "() -> Tensor")
    with pytest.raises(RuntimeError, match="no operator"):
        library.register_fake("testing::never", lambda x: x)
    library.define("testing::empty", "(Tensor x) -> Tensor")
    with pytest.raises(NotImplementedError, match="no implementation"):
        fl.ops.testing.empty(fl.ones(1))
