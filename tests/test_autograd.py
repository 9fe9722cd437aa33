"""The engine: accumulation, hooks, modes, versions, views, custom functions. All but a few pass on torch as well."""

import gc
import warnings
import weakref

import numpy as np
import pytest

from tests.frame import fl


def leaf(*values, **options):
    return fl.tensor(list(values), requires_grad=True, **options)


def close(tensor, values):
    np.testing.assert_allclose(tensor.detach().numpy(), values, 1e-6)


def test_accumulates_into_leaves():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    (x * x).sum().backward()
    close(x.grad, [5, 7])


def test_same_input_twice():
    x = leaf(3.0)
    (x * x + x).backward()
    close(x.grad, [7])


def test_diamond():
    x = leaf(2.0)
    a = x * 2
    (a * a + a.exp()).backward()
    close(x.grad, [16 + 2 * np.exp(4)])


def test_broadcast_is_undone():
    x, y = leaf(1.0, 2.0), fl.ones(3, 1, requires_grad=True)
    (x * y).sum().backward()
    close(x.grad, [3, 3])
    close(y.grad, [[3], [3], [3]])


def test_given_gradient():
    x = leaf(1.0, 2.0)
    (x * 2).backward(fl.tensor([1.0, 10.0]))
    close(x.grad, [2, 20])


def test_grad_function_leaves_grad_alone():
    x, y = leaf(2.0), leaf(3.0)
    gx, gy = fl.autograd.grad(x * y, [x, y])
    assert x.grad is None and y.grad is None
    close(gx, [3])
    close(gy, [2])


def test_grad_of_inner_tensor():
    x = leaf(2.0)
    y = x * 3
    (g,) = fl.autograd.grad((y * y).sum(), y)
    close(g, [12])


def test_unused():
    x, y = leaf(1.0), leaf(1.0)
    g = fl.autograd.grad(x * 2, [x, y], allow_unused=True)
    assert g[1] is None
    g = fl.autograd.grad(x * 2, [x, y], allow_unused=True, materialize_grads=True)
    close(g[1], [0])


def test_third_derivative():
    x = leaf(2.0)
    y = x**4
    for expected in (32, 48, 48):
        (y,) = fl.autograd.grad(y, x, create_graph=True)
        close(y, [expected])


def test_create_graph_in_backward():
    x = leaf(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = fl.autograd.grad(x.grad, x)
    close(second, [18])
    x.grad = None


def test_retain_graph():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    close(x.grad, [12])
    with pytest.raises(RuntimeError):
        y.backward()


def test_backward_with_inputs():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    close(x.grad, [3])
    assert y.grad is None


def test_several_roots():
    x = leaf(1.0, 2.0)
    fl.autograd.backward([x * 2, x * 3], [fl.ones(2), fl.ones(2)])
    close(x.grad, [5, 5])


# ---- modes


def test_no_grad():
    x = leaf(1.0)
    with fl.no_grad():
        assert not fl.is_grad_enabled()
        y = x * 2
        with fl.enable_grad():
            assert (x * 2).requires_grad
    assert not y.requires_grad and y.grad_fn is None and fl.is_grad_enabled()


def test_no_grad_decorates():
    @fl.no_grad()
    def double(x):
        return x * 2

    assert not double(leaf(1.0)).requires_grad
    assert double.__name__ == "double"


def test_set_grad_enabled():
    x = leaf(1.0)
    with fl.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    fl.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    fl.set_grad_enabled(True)
    assert (x * 2).requires_grad


def test_mode_survives_exceptions():
    with pytest.raises(KeyError), fl.no_grad():
        raise KeyError
    assert fl.is_grad_enabled()


def test_inference_mode():
    with fl.inference_mode():
        y = leaf(1.0) * 2
    assert y.is_inference() and not y.requires_grad
    assert not fl.is_inference_mode_enabled()


def test_in_place_under_no_grad():
    x = leaf(1.0, 2.0)
    with fl.no_grad():
        x.add_(1)
    close(x, [2, 3])
    assert x.is_leaf and x.requires_grad


# ---- leaves, detach, properties


def test_leaf_properties():
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf and not y.is_leaf and x.grad_fn is None and y.grad_fn is not None
    assert y.requires_grad and fl.ones(1).is_leaf
    assert "Mul" in type(y.grad_fn).__name__ or "Mul" in y.grad_fn.name()


def test_detach_shares_memory():
    x = leaf(1.0, 2.0)
    y = x.detach()
    y[0] = 9
    assert not y.requires_grad and x[0].item() == 9 and y._version == x._version


def test_detach_in_place():
    y = leaf(1.0) * 2
    y.detach_()
    assert y.is_leaf and not y.requires_grad


def test_data_has_its_own_version():
    x = leaf(1.0, 2.0)
    before = x._version
    x.data.mul_(2)
    close(x, [2, 4])
    assert x._version == before


def test_retain_grad():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    (y * y).backward()
    close(y.grad, [12])
    assert y.retains_grad


def test_grad_can_be_set_and_is_checked():
    x = leaf(1.0, 2.0)
    x.grad = fl.ones(2)
    (x * 2).sum().backward()
    close(x.grad, [3, 3])
    with pytest.raises(RuntimeError):
        x.grad = fl.ones(3)
    x.grad = None
    assert x.grad is None


def test_requires_grad_follows_inputs():
    x, y = leaf(1.0), fl.ones(1)
    assert (x + y).requires_grad and not (y + y).requires_grad
    assert not (x > 0).requires_grad and not x.argmax().requires_grad


# ---- hooks


def test_tensor_hook_changes_the_gradient():
    x = leaf(1.0)
    y = x * 2
    handle = y.register_hook(lambda g: g * 10)
    (y * 3).backward(retain_graph=True)
    close(x.grad, [60])
    handle.remove()
    x.grad = None
    (y * 3).backward()
    close(x.grad, [6])


def test_leaf_hook():
    x, seen = leaf(1.0), []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2).backward()
    assert seen == [2.0]


def test_hooks_run_in_order():
    x, seen = leaf(1.0), []
    y = x * 2
    y.register_hook(lambda g: (seen.append("a"), g + 1)[1])
    y.register_hook(lambda g: (seen.append(g.item()), g)[1])
    y.backward()
    assert seen == ["a", 2.0]
    close(x.grad, [4])


def test_hook_error_reaches_the_caller():
    x = leaf(1.0)
    y = x * 2

    def fail(g):
        raise ValueError("from the hook")

    y.register_hook(fail)
    with pytest.raises(ValueError, match="from the hook"):
        y.backward()


def test_post_accumulate_hook():
    x, seen = leaf(1.0), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).backward()
    assert seen == [2.0]


# ---- in-place and views


def test_in_place_chain():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.mul_(3).add_(1)
    y.sum().backward()
    close(x.grad, [6, 6])


def test_in_place_on_view_changes_base_gradient():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:].mul_(10)
    (y * fl.tensor([1.0, 2.0, 3.0])).sum().backward()
    close(x.grad, [1, 20, 30])


def test_in_place_on_base_changes_view_gradient():
    x = leaf(1.0, 2.0)
    y = x * 1
    v = y[0]
    y.mul_(5)
    v.backward()
    close(x.grad, [5, 0])


def test_in_place_through_two_views():
    x = fl.ones(2, 3, requires_grad=True)
    y = x * 2
    a, b = y[0], y.t()[1]
    a.mul_(b.sum())  # b covers (0, 1) and (1, 1): 2 + 2
    y.sum().backward()
    # y[0] = 2 x[0] * (2 x[0, 1] + 2 x[1, 1]), whose sum has these derivatives
    close(x.grad, [[8, 8 + 12, 8], [2, 2 + 12, 2]])


def test_write_of_a_differentiable_value():
    x, v = fl.zeros(3), leaf(5.0)
    x[1] = v[0] * 2
    assert x.requires_grad
    x.sum().backward()
    close(v.grad, [2])


def test_copy_into_a_slice():
    x, v = leaf(1.0, 2.0, 3.0), leaf(7.0, 8.0)
    y = x * 2
    y[1:].copy_(v)
    y.sum().backward()
    close(x.grad, [2, 0, 0])
    close(v.grad, [1, 1])


def test_version_counts_through_views():
    x = fl.zeros(3)
    v = x[:2]
    v.add_(1)
    assert x._version == v._version == 1
    assert v._base is x and v._is_view() and x._base is None


def test_saved_output_changed():
    y = leaf(1.0).exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace|in.place"):
        y.backward()


def test_saved_input_changed_through_a_view():
    w = fl.ones(2)
    y = (leaf(1.0, 2.0) * w).sum()
    w[0] = 3
    with pytest.raises(RuntimeError, match="modified by an inplace|in.place"):
        y.backward()


def test_change_that_does_not_matter():
    x = leaf(1.0)
    y = x + 1  # saves nothing
    y.mul_(2)
    y.backward()
    close(x.grad, [2])


def test_split_outputs_refuse_in_place():
    parts = (leaf(1.0, 2.0, 3.0, 4.0) * 1).split(2)
    with pytest.raises(RuntimeError):
        parts[0].add_(1)


# ---- memory


def test_parts_of_one_split_share_a_node():
    """Their gradients are put together once, not added up as so many tensors of the whole size."""
    x = fl.arange(12.0).reshape(3, 4).requires_grad_()
    rows, halves = x.unbind(0), x.split([1, 3], 1)
    assert rows[0].grad_fn == rows[1].grad_fn
    (grad,) = fl.autograd.grad((rows[1] * rows[2]).sum() + (halves[1] ** 2).sum(), x, create_graph=True)
    expected = 2 * x.detach()
    expected[:, 0] = 0
    expected[1] += x.detach()[2]
    expected[2] += x.detach()[1]
    assert (grad == expected).all()
    (second,) = fl.autograd.grad(grad.sum(), x)
    assert second.tolist() == [[0, 2, 2, 2], [1, 3, 3, 3], [1, 3, 3, 3]]


def test_graph_is_freed():
    x = leaf(1.0, 2.0)

    class Marker:
        pass

    marker = Marker()
    alive = weakref.ref(marker)
    y = x * 2
    y.register_hook(lambda g, m=marker: None)
    del marker, y
    gc.collect()
    assert alive() is None


def test_what_a_node_saved_has_names():
    """torch's names for what an op keeps for its backward pass."""
    a, b = fl.rand(3, requires_grad=True), fl.rand(3, requires_grad=True)
    product, exponential = a * b, a.exp()
    assert product.grad_fn._saved_self is a and product.grad_fn._saved_other is b
    assert exponential.grad_fn._saved_result.equal(exponential) and exponential.grad_fn._saved_result is not exponential
    assert (a**b).grad_fn._saved_exponent is b
    assert a.softmax(0).grad_fn._saved_result.grad_fn.name() == "SoftmaxBackward0"
    weight = fl.rand(2, 3, requires_grad=True)
    assert fl.nn.functional.linear(a, weight).grad_fn._saved_weight is weight
    assert "_saved_other" in dir(product.grad_fn)
    with pytest.raises(AttributeError, match="'_saved_input'"):
        _ = product.grad_fn._saved_input
    product.sum().backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = product.grad_fn._saved_self


@pytest.mark.parametrize("exponent", [0.5, -1, -0.5, 2, 3])
def test_powers_may_be_changed_in_place(exponent):
    x = fl.tensor([0.5, 2.0], dtype=fl.float64, requires_grad=True)
    power = x**exponent
    power += 1e-6
    power.sum().backward()
    assert fl.allclose(x.grad, exponent * x.detach() ** (exponent - 1))


def test_backward_frees_saved_tensors():
    x = leaf(1.0)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="second time|retain_graph"):
        y.backward()


# ---- custom functions


def test_custom_function():
    class Cube(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x, power):
            ctx.save_for_backward(x)
            ctx.power = power
            return x**power

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.power * x ** (ctx.power - 1), None

    x = leaf(2.0)
    y = Cube.apply(x, 3)
    (g,) = fl.autograd.grad(y, x, create_graph=True)
    close(g, [12])
    (second,) = fl.autograd.grad(g, x)
    close(second, [12])


def test_custom_function_with_two_outputs():
    class Both(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            assert b is None
            return a * 2

    x = leaf(1.0)
    first, _ = Both.apply(x)
    first.backward()
    close(x.grad, [2])


def test_custom_function_marks():
    class Mixed(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            count = (x > 0).sum()
            ctx.mark_non_differentiable(count)
            return x * 2, count

        @staticmethod
        def backward(ctx, g, _):
            assert ctx.needs_input_grad == (True,)
            return g * 2

    x = leaf(1.0, -1.0)
    y, count = Mixed.apply(x)
    assert count.item() == 1 and not count.requires_grad
    y.sum().backward()
    close(x.grad, [2, 2])


def test_custom_function_wrong_shape():
    class Short(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g[:1]

    x = fl.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="shape"):
        Short.apply(x.tanh()).sum().backward()


def test_custom_function_wrong_count():
    class Bad(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="2|gradients"):
        Bad.apply(leaf(1.0), leaf(2.0)).backward()


def test_custom_function_in_place():
    class Double(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(3.0)
    y = x * 1
    z = Double.apply(y)
    assert z is y
    z.backward()
    close(x.grad, [2])


# ---- saved-tensor hooks, anomaly


def test_saved_tensor_hooks():
    packed = []

    def pack(t):
        packed.append(t)
        return t.numpy() if not t.requires_grad else t.detach().numpy()

    x = leaf(2.0)
    with fl.autograd.graph.saved_tensors_hooks(pack, fl.from_numpy):
        y = x.exp()
    assert packed
    y.backward()
    close(x.grad, [np.exp(2)])


def test_anomaly_mode_names_the_culprit():
    class Nan(fl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    x = leaf(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fl.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan"):
            Nan.apply(x).backward()


def test_grad_mode_in_backward():
    seen = []
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: seen.append(fl.is_grad_enabled()))
    y.backward()
    with fl.no_grad():
        pass
    assert seen == [False]


class OnlyForward(fl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.result = x.exp()
        return ctx.result

    @staticmethod
    def jvp(ctx, tangent):
        return tangent * ctx.result


def test_gradcheck_of_functions_with_jvp_alone():
    x = fl.rand(3, dtype=fl.float64, requires_grad=True)
    assert fl.autograd.gradcheck(OnlyForward.apply, (x,), check_forward_ad=True, check_backward_ad=False)


def test_gradcheck_in_forward_mode():
    x = fl.rand(3, dtype=fl.complex128, requires_grad=True)
    options = {"check_forward_ad": True, "check_backward_ad": False}
    assert fl.autograd.gradcheck(lambda x: (x.sin(), (x * x.conj()).sum()), (x,), **options)
    with pytest.raises(fl.autograd.GradcheckError, match="computed with forward mode mismatch for output 0"):
        fl.autograd.gradcheck(lambda x: x * x.detach(), (x,), **options)
    assert not fl.autograd.gradcheck(lambda x: x * x.detach(), (x,), raise_exception=False, **options)
    with pytest.raises(AssertionError, match="at least one of check_forward_ad or check_backward_ad"):
        fl.autograd.gradcheck(fl.sin, (x,), check_backward_ad=False)
    y = fl.rand(2, dtype=fl.float64, requires_grad=True)
    assert fl.autograd.gradgradcheck(fl.sin, (y,), check_fwd_over_rev=True)


def test_gradcheck():
    x = fl.tensor([0.3, 0.7], dtype=fl.float64, requires_grad=True)
    assert fl.autograd.gradcheck(lambda t: (t.sin() * t).sum(), [x])
    assert fl.autograd.gradgradcheck(lambda t: (t.sin() * t).sum(), [x])


def test_view_as_another_dtype():
    """The same bytes, as NumPy sees them; the gradient of a view in the other dtype is the same bytes again."""
    x = fl.tensor([[1.0, -2.5], [0.0, 3.0]], dtype=fl.float64)
    assert x.view(fl.int64).tolist() == x.numpy().view("i8").tolist()
    assert x.view(fl.int32).shape == (2, 4)
    assert x.view(fl.uint8).tolist() == x.numpy().view("u1").tolist()
    with pytest.raises(RuntimeError, match="divisible"):
        fl.zeros(3, dtype=fl.int8).view(fl.int16)
    z = fl.ones(2, dtype=fl.complex64, requires_grad=True)
    (z.view(fl.complex64) * 2).abs().sum().backward()
    assert z.grad.tolist() == [2, 2]


def test_embedding_gives_no_gradient_to_padding():
    weight = fl.ones(3, 2).requires_grad_()
    out = fl.nn.functional.embedding(fl.tensor([[1, 0], [2, 0]]), weight, padding_idx=0)
    (out * fl.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])).sum().backward()
    close(weight.grad, [[0, 0], [1, 2], [5, 6]])


def test_embedding_gradient_by_frequency():
    weight = fl.ones(3, 2).requires_grad_()
    out = fl.nn.functional.embedding(fl.tensor([1, 1, 2]), weight, scale_grad_by_freq=True)
    (out * fl.tensor([[1.0, 2.0], [3.0, 6.0], [5.0, 6.0]])).sum().backward()
    close(weight.grad, [[0, 0], [2, 4], [5, 6]])


@pytest.mark.parametrize("use", ["gather", "index_select", "scatter_add"])
def test_saved_index_is_guarded(use):
    x, index, source = fl.ones(4).requires_grad_(), fl.tensor([0, 3, 1]), fl.ones(3).requires_grad_()
    arguments = (0, index, source) if use == "scatter_add" else (0, index)
    out = getattr(x, use)(*arguments)
    index.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("use", ["gather", "index_select", "embedding"])
def test_index_changed_behind_the_version_counter_is_an_error(use):
    x, index = fl.ones(4, 1).requires_grad_(), fl.tensor([0, 3, 1])
    if use == "gather":
        out = x.gather(0, index.view(3, 1))
    else:
        out = x.index_select(0, index) if use == "index_select" else fl.nn.functional.embedding(index, x)
    index.numpy()[0] = 1 << 40
    with pytest.raises(IndexError, match="out of"):
        out.sum().backward()


@pytest.mark.skipif(
    not hasattr(fl, "_C") or not hasattr(fl._C, "reset_peak_memory_stats"), reason="flambeau's counters"
)
def test_leaf_takes_its_gradient_over():
    """The gradient that backward made becomes .grad: no second copy of it."""
    x = fl.ones(512, 512).requires_grad_()
    loss = (x * 2).sum()
    fl._C.reset_peak_memory_stats()
    before = fl._C.memory_stats()["live_bytes"]
    loss.backward()
    close(x.grad[0, :2], [2, 2])
    assert fl._C.memory_stats()["peak_bytes"] - before < 1.5 * x.nbytes


def test_gradient_that_is_seen_elsewhere_is_copied():
    x, g = fl.ones(3).requires_grad_(), fl.ones(3)
    (x + 0).backward(g)
    g.mul_(5)
    close(x.grad, [1, 1, 1])
    seen = []
    y = fl.ones(3).requires_grad_()
    y.register_hook(seen.append)
    (y * 2).sum().backward()
    y.grad.zero_()
    close(seen[0], [2, 2, 2])
    a, b = fl.ones(3).requires_grad_(), fl.ones(3).requires_grad_()
    (a + b).sum().backward()
    a.grad.zero_()
    close(b.grad, [1, 1, 1])


@pytest.mark.parametrize("unpack", [lambda t: t, lambda t: t.clone(), lambda t: t.detach()])
def test_second_derivatives_through_saved_tensors_hooks(unpack):
    def second(x):
        y = (x.exp() * x * x).sigmoid()
        (first,) = fl.autograd.grad(y.sum(), x, create_graph=True)
        return fl.autograd.grad(first.sum(), x)[0].numpy()

    x = fl.tensor([0.5, -1.0, 0.25], dtype=fl.float64, requires_grad=True)
    with fl.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
        found = second(x)
    np.testing.assert_allclose(found, second(x), rtol=1e-12)


def test_numbers_on_the_left_are_recorded_last():
    x = fl.tensor([1.0, 2.0], requires_grad=True).sin()
    for y in (2 * x, 2 + x, x * 2, x + 2):
        assert [function is not None for function, _ in y.grad_fn.next_functions] == [True, False]
    assert [function is not None for function, _ in (2 - x).grad_fn.next_functions] == [False, True]


def test_a_node_can_be_called():
    x = fl.tensor([1.0, 2.0], requires_grad=True)
    product = x * fl.tensor([[3.0], [4.0]], requires_grad=True)
    left, right = product.grad_fn(fl.ones(2, 2))
    assert left.tolist() == [7.0, 7.0] and right.tolist() == [[3.0], [3.0]]
    with pytest.raises(TypeError, match="expected 1 gradients, got 2"):
        product.grad_fn(fl.ones(2, 2), fl.ones(2, 2))
    product.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        product.grad_fn(fl.ones(2, 2))


def test_relu_does_not_hide_nan_in_its_gradient():
    x = fl.tensor([float("nan"), -1.0, 0.0, 2.0], requires_grad=True)
    y = fl.relu(x)
    y.backward(fl.ones(4))
    np.testing.assert_array_equal(y.detach().numpy(), [np.nan, 0, 0, 2])
    assert x.grad.tolist() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_results_of_divisions_may_be_changed(dtype):
    dtype = getattr(fl, dtype)
    a, b = (fl.tensor(v, dtype=dtype, requires_grad=True) for v in ([1.0, -2.0], [4.0, 0.5]))
    cases = [(lambda: a / b, (a, b)), (lambda: 1 / b, (b,)), (lambda: a / 3.0, (a,))]
    for divide, inputs in cases:
        y = divide()
        y += 1
        found = fl.autograd.grad(y, inputs, fl.ones_like(y))
        expected = fl.autograd.grad(divide(), inputs, fl.ones(2, dtype=dtype))
        assert [g.tolist() for g in found] == [g.tolist() for g in expected]
    left, right = fl.autograd.grad(a / b, (a, b), fl.ones(2, dtype=dtype))
    np.testing.assert_allclose(left.numpy(), [0.25, 2], rtol=1e-15)
    np.testing.assert_allclose(right.numpy(), [-1 / 16, 8], rtol=1e-15)
