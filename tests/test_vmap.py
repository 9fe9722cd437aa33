"""vmap: every row of the test table over a batch gives what a loop over it gives; then what is particular to vmap."""

import importlib

import numpy as np
import pytest

from tests.frame import call, fl, is_tensor, load_rows, make, to_numpy, walk

func = importlib.import_module(f"{fl.__name__}.func")
F = fl.nn.functional
ROWS = [row for row in load_rows() if not row.random and not row.contiguous_only and "empty" not in row.name]
# What vmap cannot do: results whose shape depends on values, memory as such, and writes of a batch into a tensor that is none.
REFUSED = {
    "Tensor.copy_", "_foreach_copy_", "argwhere", "bincount", "embedding_renorm_", "from_dlpack", "index_put", "index_put_", "masked_select", "nonzero", "unique",
    "unique_consecutive",
}  # fmt: skip


def flat_results(value):
    """The tensors of a result, in order; None where there is anything else of interest."""
    if is_tensor(value):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in flat_results(item)]
    return []


def batch_of(row, sample, dtype):
    """Two calls with different values: their arguments, and the tensors in both, each pair as one batch."""
    calls = [make(sample, dtype, seed) for seed in ("", "another")]
    leaves = [[], []]
    for arguments, found in zip(calls, leaves, strict=True):
        walk(list(arguments), lambda v, found=found: found.append(v) if is_tensor(v) else None)
    return calls, leaves


def over_the_batch(row, calls, leaves, mapped):
    def one(*tensors):
        rest = iter(tensors)
        args, kwargs = walk(list(calls[0]), lambda v: next(rest) if is_tensor(v) else v)
        return tuple(flat_results(call(row, args, kwargs)))

    stacked = [fl.stack(pair) if m else pair[0] for pair, m in zip(zip(*leaves, strict=True), mapped, strict=True)]
    return fl.vmap(one, in_dims=tuple(0 if m else None for m in mapped))(*stacked)


def one_by_one(row, calls, leaves, mapped):
    results = []
    for number in range(2):
        rest = iter([b if m and number else a for a, b, m in zip(*leaves, mapped, strict=True)])
        args, kwargs = walk(list(calls[0]), lambda v, rest=rest: next(rest) if is_tensor(v) else v)
        results.append(flat_results(call(row, args, kwargs)))
    return results


def compare(row, sample, dtype, mapped_of):
    calls, leaves = batch_of(row, sample, dtype)
    if not leaves[0]:
        return
    mapped = mapped_of(len(leaves[0]))
    try:
        first, second = one_by_one(row, calls, leaves, mapped)
    except Exception:  # samples of the table are calls that succeed; with other values some do not
        return
    if not first or any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(first, second, strict=True)):
        return
    found = over_the_batch(row, calls, leaves, mapped)
    for got, *expected in zip(found, first, second, strict=True):
        context = f"{row.name}{sample!r} {dtype}"
        assert got.dtype == expected[0].dtype and got.shape[1:] == expected[0].shape, context
        for number in range(2):
            a, b = to_numpy(got[number]), to_numpy(expected[number])
            np.testing.assert_allclose(a, b, 1e-4, 1e-5, equal_nan=True, err_msg=context)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
@pytest.mark.filterwarnings("ignore")
def test_a_batch_is_a_loop(row):
    dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
    for sample in row.list_samples()[:16]:
        try:
            compare(row, sample, dtype, lambda n: [True] * n)
            compare(row, sample, dtype, lambda n: [i == 0 for i in range(n)])
            compare(row, sample, dtype, lambda n: [i == n - 1 for i in range(n)])
        except RuntimeError as error:
            if row.name not in REFUSED:
                raise
            assert "vmap" in str(error)


# ------------------------------------------------------------------------------------------------ what torch's documentation shows


def close(tensor, expected):
    np.testing.assert_allclose(to_numpy(tensor), to_numpy(expected) if is_tensor(expected) else expected, 1e-5, 1e-6)


def test_in_dims_and_out_dims():
    x, y = fl.randn(2, 3, 4), fl.randn(4, 3)
    close(fl.vmap(fl.mul, in_dims=(2, 0))(x, y), x.movedim(2, 0) * y[:, None])
    close(fl.vmap(fl.mul, in_dims=(-1, 0), out_dims=-1)(x, y), (x.movedim(2, 0) * y[:, None]).movedim(0, -1))
    both = fl.vmap(lambda a: (a.sum(), {"twice": a * 2}), out_dims=(0, {"twice": 1}))(y)
    close(both[0], y.sum(1))
    close(both[1]["twice"], (2 * y).T)
    tree = fl.vmap(lambda d, s: d["a"] + d["b"][0] * s, in_dims=({"a": 0, "b": None}, None))
    close(tree({"a": y, "b": [y[0]]}, fl.tensor(2.0)), y + 2 * y[0])


def test_nested():
    x, y = fl.randn(3), fl.randn(5)
    close(fl.vmap(fl.vmap(fl.mul, in_dims=(None, 0)), in_dims=(0, None))(x, y), x[:, None] * y)
    z = fl.randn(2, 3, 4)
    close(fl.vmap(fl.vmap(fl.vmap(lambda a: a.sin() + a)))(z), z.sin() + z)
    close(fl.vmap(fl.vmap(fl.cumsum, (0, None)), (0, None))(z, 0), z.cumsum(2))


def test_chunks():
    x = fl.randn(7, 3)
    for size in (1, 2, 7, 10):
        close(fl.vmap(lambda a: a.sum(), chunk_size=size)(x), x.sum(1))
    with pytest.raises(ValueError, match="chunk_size"):
        fl.vmap(fl.sum, chunk_size=0)


def test_per_sample_gradients():
    fl.manual_seed(0)
    model = fl.nn.Sequential(
        fl.nn.Conv2d(1, 3, 3), fl.nn.GroupNorm(1, 3), fl.nn.Tanh(), fl.nn.Flatten(), fl.nn.Linear(12, 4)
    )
    images, labels = fl.randn(5, 1, 4, 4), fl.tensor([0, 1, 2, 3, 0])
    params = {name: p.detach() for name, p in model.named_parameters()}

    def loss(params, image, label):
        return F.cross_entropy(func.functional_call(model, params, image[None]), label[None])

    found = fl.vmap(func.grad(loss), in_dims=(None, 0, 0))(params, images, labels)
    for i in range(5):
        model.zero_grad()
        F.cross_entropy(model(images[i : i + 1]), labels[i : i + 1]).backward()
        for name, p in model.named_parameters():
            close(found[name][i], p.grad)


def test_ensembles():
    fl.manual_seed(0)
    models = [fl.nn.Sequential(fl.nn.Linear(3, 8), fl.nn.ReLU(), fl.nn.Linear(8, 2)) for _ in range(4)]
    params, buffers = func.stack_module_state(models)
    x = fl.randn(6, 3)
    found = fl.vmap(lambda p, b: func.functional_call(models[0], (p, b), (x,)))(params, buffers)
    for i, model in enumerate(models):
        close(found[i], model(x))


def test_jacobians_inside_and_outside():
    x = fl.randn(4, 3)
    one = func.jacrev(lambda a: a.sin() * a.sum())
    close(fl.vmap(one)(x), fl.stack([one(row) for row in x]))
    forward = func.jacfwd(lambda a: a.exp() * a.prod())
    close(fl.vmap(forward)(x), fl.stack([forward(row) for row in x]))
    second = func.hessian(lambda a: (a**3).sum() * a[0])
    close(fl.vmap(second)(x), fl.stack([second(row) for row in x]))
    whole = func.jacrev(fl.vmap(lambda a: (a**2).sum()))(x)
    expected = fl.zeros(4, 4, 3)
    for i in range(4):
        expected[i, i] = 2 * x[i]
    close(whole, expected)
    close(fl.vmap(lambda a, t: func.jvp(fl.sin, (a,), (t,))[1])(x, x), x.cos() * x)
    close(fl.vmap(lambda a: func.vjp(fl.sin, a)[1](a)[0])(x), x.cos() * x)


def test_tangent_kernel_by_jacobians_and_by_products():
    fl.manual_seed(0)
    model = fl.nn.Sequential(fl.nn.Conv2d(2, 3, 3), fl.nn.ReLU(), fl.nn.Flatten(), fl.nn.Linear(12, 4))
    params = {name: p.detach() for name, p in model.named_parameters()}
    xs, ys = fl.randn(3, 2, 4, 4), fl.randn(2, 2, 4, 4)

    def one(params, x):
        return func.functional_call(model, params, (x[None],))[0]

    first, second = (fl.vmap(func.jacrev(one), (None, 0))(params, batch) for batch in (xs, ys))
    expected = sum(fl.einsum("naf,mbf->nmab", first[k].flatten(2), second[k].flatten(2)) for k in params)

    def kernel(x, y):
        value, pull = func.vjp(lambda p: one(p, x), params)
        column = fl.vmap(lambda v: func.jvp(lambda p: one(p, y), (params,), pull(v))[1])
        return column(fl.eye(value.numel()))

    found = fl.vmap(fl.vmap(kernel, (None, 0)), (0, None))(xs, ys)
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), 1e-4, 1e-4)


def test_gradients_of_gradients_over_tasks():
    fl.manual_seed(0)
    model = fl.nn.Sequential(fl.nn.Linear(1, 8), fl.nn.Tanh(), fl.nn.Linear(8, 1))
    params = {name: p.detach() for name, p in model.named_parameters()}
    tasks = [fl.randn(3, 5, 1) for _ in range(4)]

    def loss(p, x, y):
        return ((func.functional_call(model, p, (x,)) - y) ** 2).mean()

    def adapted(p, x, y, x_new, y_new):
        steps = func.grad(loss)(p, x, y)
        return loss({name: p[name] - 0.1 * steps[name] for name in p}, x_new, y_new)

    found = func.grad(lambda p: fl.vmap(adapted, (None, 0, 0, 0, 0))(p, *tasks).mean())(params)
    each = [func.grad(adapted)(params, *(t[i] for t in tasks)) for i in range(3)]
    for name in params:
        close(found[name], sum(g[name] for g in each) / 3)


def test_gradients_through_vmap():
    x = fl.randn(4, 3, requires_grad=True)
    w = fl.randn(3, requires_grad=True)
    fl.vmap(lambda a: (a * w).sum().tanh())(x).sum().backward()
    s = 1 - (x.detach() @ w.detach()).tanh() ** 2
    close(x.grad, s[:, None] * w.detach())
    close(w.grad, (s[:, None] * x.detach()).sum(0))


def test_gradient_by_a_shared_tensor():
    w = fl.randn(3)
    x = fl.randn(4, 3)
    close(fl.vmap(lambda a: func.grad(lambda v: (v * a).sum().sin())(w))(x), (x @ w).cos()[:, None] * x)
    outer = func.grad(lambda v: fl.vmap(lambda a: func.grad(lambda b: (b * v).sum() ** 2)(a))(x).sum())
    expected = fl.autograd.functional.jacobian(lambda v: (2 * (x @ v)[:, None] * v).sum(), w)
    close(outer(w), expected)


def test_a_shared_leaf_inside():
    w = fl.randn(3, requires_grad=True)
    x = fl.randn(4, 3)
    found = fl.vmap(lambda a: fl.autograd.grad((w * a).sum() ** 2, w)[0])(x)
    close(found, 2 * (x @ w)[:, None] * x)


def test_promotion_is_that_of_one():
    x, s = fl.randn(4, 3), fl.ones(4, dtype=fl.float64)
    assert fl.vmap(fl.mul)(x, s).dtype == fl.float32
    assert fl.vmap(fl.mul)(s, fl.ones(4)).dtype == fl.float64
    assert fl.vmap(lambda a: a * fl.tensor(2.0, dtype=fl.float64))(s.float()).dtype == fl.float64
    assert fl.vmap(lambda a: a + 1)(fl.arange(3)).dtype == fl.int64


def test_indexing():
    x, i, j = fl.randn(4, 5, 6), fl.tensor([0, 4, 2, 2]), fl.tensor([[1, 2], [0, 4], [3, 3], [4, 1]])

    def loop(f, *batches):
        return fl.stack([f(*row) for row in zip(*batches, strict=True)])

    for f in (
        lambda a, p, q: a[p],
        lambda a, p, q: a[:, q],
        lambda a, p, q: a[p, q],
        lambda a, p, q: a[..., q, None],
        lambda a, p, q: a[None, p, ::2],
        lambda a, p, q: a[p][q],
        lambda a, p, q: a.T[q, 1:],
        lambda a, p, q: a[:, None, q],
        lambda a, p, q: a[q, :, None],
        lambda a, p, q: x[0][p],
        lambda a, p, q: x[:, :, q[0]],
        lambda a, p, q: a[fl.tensor([0, 2]), 1:],
        lambda a, p, q: a[[0, 1], :, None][..., 0],
    ):
        close(fl.vmap(f)(x, i, j), loop(f, x, i, j))


def test_a_number_of_the_batch_as_index_counts_as_a_tensor():
    x, p, q = fl.randn(3, 5, 6), fl.tensor([0, 2]), fl.tensor([[1, 2], [0, 4]])
    found = fl.vmap(lambda i, j: x[i, :, j])(
        p, q
    )  # as in torch: x[2, :, j] has shape (5, 2), but nobody knows the 2 here
    assert found.shape == (2, 2, 5)
    close(found[1], x[2][:, q[1]].T)


def test_assignment():
    x, i, v = fl.randn(4, 5, 6), fl.tensor([[0, 4], [1, 2], [3, 2], [2, 0]]), fl.randn(4, 2)

    def loop(f, *batches):
        return fl.stack([f(*row) for row in zip(*batches, strict=True)])

    def assigned(key, value):
        def f(a, p, w):
            out = a.clone()
            out[key(p)] = value(a, w)
            return out

        return f

    for f in (
        assigned(lambda p: 1, lambda a, w: w[0]),
        assigned(lambda p: (slice(None), 2), lambda a, w: a[:, 0]),
        assigned(lambda p: p, lambda a, w: 1.5),
        assigned(lambda p: p, lambda a, w: w[0]),
        assigned(lambda p: p, lambda a, w: w[:, None]),
        assigned(lambda p: (slice(None), p), lambda a, w: w),
        assigned(lambda p: (p, p), lambda a, w: w),
        assigned(lambda p: (p, slice(1, 3)), lambda a, w: w),
    ):
        close(fl.vmap(f)(x, i, v), loop(f, x, i, v))
    close(
        fl.vmap(assigned(lambda p: (slice(None), 0), lambda a, w: 0.0))(x, i, v),
        loop(assigned(lambda p: (slice(None), 0), lambda a, w: 0.0), x, i, v),
    )

    def masked(a):
        out = a.clone()
        out[out < 0] = 0
        return out

    close(fl.vmap(masked)(x), x.clamp(min=0))


def test_writes_need_memory_of_the_batch():
    x = fl.randn(4, 3)
    with pytest.raises(RuntimeError):
        fl.vmap(lambda a: fl.zeros(3).add_(a))(x)
    own = fl.vmap(lambda a: a.new_zeros(3).add_(a))(x)
    close(own, x)
    close(fl.vmap(lambda a: a.clone().mul_(2).add_(a))(x), 3 * x)


def test_batch_norm_with_running_statistics():
    x = fl.randn(3, 8, 2)
    mean, var = fl.zeros(3, 2), fl.ones(3, 2)
    found = fl.vmap(lambda a, m, v: F.batch_norm(a, m, v, training=True))(x, mean, var)
    for i in range(3):
        m, v = fl.zeros(2), fl.ones(2)
        close(found[i], F.batch_norm(x[i], m, v, training=True))
        close(mean[i], m)
        close(var[i], v)


def test_randomness():
    x = fl.zeros(4, 3)
    for draw in (
        lambda a: a + fl.rand(3),
        lambda a: a + fl.randn_like(a),
        lambda a: F.dropout(a + 1),
        lambda a: a.clone().normal_(),
        lambda a: a + fl.randperm(3),
    ):
        with pytest.raises(RuntimeError, match="randomness"):
            fl.vmap(draw)(x)
        fl.manual_seed(0)
        same = fl.vmap(draw, randomness="same")(x)
        assert all((row == same[0]).all() for row in same)
        fl.manual_seed(1)
        different = fl.vmap(draw, randomness="different")(fl.zeros(8, 3))
        assert len({tuple(row.tolist()) for row in different}) > 1
    with pytest.raises(RuntimeError, match="randomness"):
        fl.vmap(lambda a: a, randomness="often")


def test_values_are_not_to_be_had():
    x = fl.randn(4, 3)
    for f in (lambda a: a.sum().item(), lambda a: a if a.sum() > 0 else -a, lambda a: a[a > 0]):
        with pytest.raises(RuntimeError, match="vmap"):
            fl.vmap(f)(x)
    if fl.__name__ == "flambeau":
        for f in (
            lambda a: a.tolist(),
            lambda a: float(a[0]),
            lambda a: a.numpy(),
            lambda a: np.asarray(a),
            lambda a: a.data_ptr(),
        ):
            with pytest.raises(RuntimeError, match="vmap"):
                fl.vmap(f)(x)
    assert "Batched" in repr_inside(x)


def repr_inside(x):
    found = []

    def f(a):
        found.append(repr(a))
        return a

    fl.vmap(f)(x)
    return found[0]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: fl.vmap(fl.sin)(), ValueError),
        (lambda x: fl.vmap(fl.sin, in_dims=None)(x), ValueError),
        (lambda x: fl.vmap(fl.sin, in_dims=2)(x), ValueError),
        (lambda x: fl.vmap(fl.sin, in_dims=(0, 0))(x), ValueError),
        (lambda x: fl.vmap(fl.add)(x, 3), ValueError),
        (lambda x: fl.vmap(fl.add)(x, x[:2]), ValueError),
        (lambda x: fl.vmap(lambda a: 3)(x), ValueError),
        (lambda x: fl.vmap(lambda a: a, out_dims=(0, 1))(x), ValueError),
        (lambda x: fl.vmap(lambda a: a, out_dims=None)(x), ValueError),
        (lambda x: fl.vmap(lambda a: a, out_dims=5)(x), IndexError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error):
        call(fl.randn(4, 3))


def test_functions_with_a_derivative_of_their_own():
    class Square(fl.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    class Doubled(Square):
        generate_vmap_rule = False

        @staticmethod
        def vmap(info, in_dims, x):
            assert info.batch_size == 4 and in_dims == (0,)
            return Square.apply(x) * 2, 0

    class Plain(Square):
        generate_vmap_rule = False

    x = fl.randn(4, 3)
    close(fl.vmap(Square.apply)(x), x * x)
    close(fl.vmap(func.grad(lambda a: Square.apply(a).sum()))(x), 2 * x)
    close(fl.vmap(Doubled.apply)(x), 2 * x * x)
    with pytest.raises(RuntimeError, match="vmap"):
        fl.vmap(Plain.apply)(x)


def test_nothing_remains_afterwards():
    x = fl.randn(4, 3)
    with pytest.raises(ZeroDivisionError):
        fl.vmap(lambda a: 1 // 0)(x)
    assert (x + 1).shape == (4, 3) and fl.rand(2).shape == (2,)
