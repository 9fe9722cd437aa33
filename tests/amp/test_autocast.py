"""autocast: which functions compute in which dtype, as observed in torch on the CPU; regions, weights kept, decorators."""

import threading

import numpy as np
import pytest

from tests.frame import fl

F = fl.nn.functional
bf16 = fl.bfloat16


def r(*shape):
    return lambda dtype: fl.rand(*shape, generator=fl.Generator().manual_seed(0)).to(dtype)


def regular(dtype):
    return (fl.eye(3) + 0.1).to(dtype)


def call(function, *makers):
    """A call as a function of the dtype; makers that are not functions are arguments themselves."""
    return lambda dtype: function(*(make(dtype) if callable(make) else make for make in makers))


x, v, m, batch, image, volume = r(2, 3), r(3), r(3, 2), r(2, 2, 3), r(1, 2, 6, 6), r(1, 2, 6, 6, 6)
classes = fl.tensor([0, 1])
LOWER = {
    "mm": call(fl.mm, x, m), "matmul": call(fl.matmul, x, v), "operator": lambda d: x(d) @ m(d), "method": lambda d: x(d).matmul(v(d)),
    "vecdot": call(fl.linalg.vecdot, v, v), "inner": call(fl.inner, x, x), "bmm": call(fl.bmm, batch, r(2, 3, 2)),
    "baddbmm": call(fl.baddbmm, r(2, 2, 2), batch, r(2, 3, 2)), "addmm": call(fl.addmm, r(2, 2), x, m),
    "addbmm": call(fl.addbmm, r(2, 2), batch, r(2, 3, 2)), "linear": call(F.linear, x, x, r(2)), "conv1d": call(F.conv1d, batch, r(3, 2, 2)),
    "conv2d": call(F.conv2d, image, r(3, 2, 2, 2)), "conv3d": call(F.conv3d, volume, r(3, 2, 2, 2, 2)),
    "conv_transpose2d": call(F.conv_transpose2d, image, r(2, 3, 2, 2)), "prelu": call(F.prelu, x, v),
    "attention": call(F.scaled_dot_product_attention, r(1, 2, 3, 4), r(1, 2, 3, 4), r(1, 2, 3, 4)),
    "einsum": lambda d: fl.einsum("ij,jk->ik", x(d), m(d)), "tensordot": call(fl.tensordot, x, m, 1),
    "chain_matmul": call(fl.chain_matmul, x, m), "multi_dot": lambda d: fl.linalg.multi_dot([x(d), m(d), r(2, 2)(d)]),
    "matrix_power": call(fl.matrix_power, regular, 3), "cov": call(fl.cov, x), "corrcoef": call(fl.corrcoef, x),
    "affine_grid": lambda d: F.affine_grid(r(1, 2, 3)(d), (1, 1, 2, 2), align_corners=False),
    "LSTM": lambda d: fl.nn.LSTM(3, 4).to(d)(r(2, 1, 3)(d))[0], "RNN": lambda d: fl.nn.RNN(3, 4).to(d)(r(2, 1, 3)(d))[0],
    "MultiheadAttention": lambda d: fl.nn.MultiheadAttention(4, 2).to(d)(*[r(3, 1, 4)(d)] * 3)[0],
}  # fmt: skip
FLOAT32 = {
    "prod": call(fl.prod, v), "cdist": call(fl.cdist, x, x), "trace": call(fl.trace, regular), "quantile": lambda d: fl.quantile(v(d), 0.5),
    "grid_sample": lambda d: F.grid_sample(r(1, 1, 3, 3)(d), r(1, 2, 2, 2)(d), align_corners=False),
    "avg_pool3d": call(F.avg_pool3d, volume, 2), "max_pool3d": call(F.max_pool3d, volume, 2),
    "adaptive_avg_pool3d": call(F.adaptive_avg_pool3d, volume, 2), "adaptive_max_pool3d": call(F.adaptive_max_pool3d, volume, 2),
    "fractional_max_pool2d": call(F.fractional_max_pool2d, image, 2, 3),
    "reflect": lambda d: F.pad(image(d), (1, 1, 1, 1), mode="reflect"), "replicate": lambda d: F.pad(volume(d), (1,) * 6, mode="replicate"),
    "binary_cross_entropy": call(F.binary_cross_entropy, v, v), "with_logits": call(F.binary_cross_entropy_with_logits, v, v),
    "mse_loss": call(F.mse_loss, v, v), "l1_loss": call(F.l1_loss, v, v), "huber_loss": call(F.huber_loss, v, v),
    "smooth_l1_loss": call(F.smooth_l1_loss, v, v), "nll_loss": call(F.nll_loss, x, classes),
    "cross_entropy": call(F.cross_entropy, x, classes), "kl_div": lambda d: F.kl_div(v(d), v(d), reduction="sum"),
    "poisson_nll_loss": call(F.poisson_nll_loss, v, v), "triplet_margin_loss": call(F.triplet_margin_loss, x, x, x),
    "irfft": call(fl.fft.irfft, r(4)), "masked.prod": lambda d: fl.masked.prod(v(d), 0, mask=v(d) > 0), "inv": call(fl.linalg.inv, regular), "inverse": lambda d: regular(d).inverse(),
    "cholesky": call(fl.linalg.cholesky, regular), "solve": call(fl.linalg.solve, regular, regular), "cond": call(fl.linalg.cond, regular),
    "svdvals": call(fl.linalg.svdvals, regular), "eigh": lambda d: fl.linalg.eigh(regular(d))[0], "qr": lambda d: fl.linalg.qr(regular(d))[0],
}  # fmt: skip
AS_GIVEN = {
    "add": lambda d: x(d) + x(d), "mv": call(fl.mv, x, v), "dot": call(fl.dot, v, v), "outer": call(fl.outer, v, v),
    "addmv": call(fl.addmv, r(2), x, v), "inner of vectors": call(fl.inner, v, v), "tensordot to one": call(fl.tensordot, x, x, 2),
    "cross": lambda d: fl.cross(x(d), x(d), dim=1), "bilinear": call(F.bilinear, x, r(2, 4), r(5, 3, 4)), "softmax": lambda d: v(d).softmax(0),
    "layer_norm": call(F.layer_norm, x, (3,)), "sum": call(fl.sum, v), "exp": call(fl.exp, v), "norm": call(fl.norm, v),
    "max_pool2d": call(F.max_pool2d, image, 2), "indices": lambda d: F.max_pool3d(volume(d), 2, return_indices=True)[0],
    "constant": lambda d: F.pad(v(d), (1, 1)), "reflect3d": lambda d: F.pad(volume(d), (1,) * 6, mode="reflect"),
    "cosine_similarity": call(F.cosine_similarity, x, x), "elements": lambda d: fl.einsum("ij,ij->ij", x(d), x(d)),
    "GRU": lambda d: fl.nn.GRU(3, 4).to(d)(r(2, 1, 3)(d))[0], "LSTMCell": lambda d: fl.nn.LSTMCell(3, 4).to(d)(x(d))[0],
    "in-place": lambda d: r(2, 2)(d).addmm_(x(d), m(d)), "out": lambda d: fl.mm(x(d), m(d), out=fl.empty(2, 2, dtype=d)),
}  # fmt: skip


DRAWN = ("LSTM", "RNN", "GRU", "LSTMCell", "MultiheadAttention", "fractional_max_pool2d")  # weights or places are drawn


@pytest.mark.parametrize("dtype", [fl.float32, bf16, fl.float64])
@pytest.mark.parametrize("name", [*LOWER, *FLOAT32, *AS_GIVEN])
def test_dtypes(name, dtype):
    function = {**LOWER, **FLOAT32, **AS_GIVEN}[name]
    expected = bf16 if name in LOWER else fl.float32 if name in FLOAT32 else dtype
    with fl.autocast("cpu"):
        found = function(dtype)
    assert found.dtype is (fl.float64 if dtype is fl.float64 else expected)
    if name not in DRAWN:
        np.testing.assert_allclose(found.double().detach().numpy(), function(fl.float64).detach().numpy(), 0.1, 0.05)


def test_widest_dtype():
    one, half, double = fl.ones(2), fl.ones(2, dtype=bf16), fl.ones(2, dtype=fl.float64)
    with fl.autocast("cpu"):
        assert fl.cat([half, half]).dtype is bf16 and fl.cat([half, one]).dtype is fl.float32
        assert fl.stack([one, half]).dtype is fl.float32 and fl.cat([half, double]).dtype is fl.float64
        assert fl.cat([half, fl.tensor([1, 2])]).dtype is bf16 and fl.stack([fl.tensor(1)]).dtype is fl.int64
        assert half.index_copy(0, fl.tensor([0]), one[:1]).dtype is fl.float32
        with pytest.raises(RuntimeError):
            fl.cat([one.half(), one.half()])


def test_other_dtypes_are_left_alone():
    with fl.autocast("cpu"):
        assert fl.mm(*[fl.ones(2, 2, dtype=fl.int64)] * 2).dtype is fl.int64
        assert fl.mm(*[fl.ones(2, 2, dtype=fl.complex64)] * 2).dtype is fl.complex64
        with pytest.raises(RuntimeError):
            fl.mm(fl.ones(2, 2, dtype=fl.float64), fl.ones(2, 2))


def test_regions():
    x = fl.ones(2, 2)
    with fl.autocast("cpu"):
        assert fl.is_autocast_enabled("cpu") and not fl.is_autocast_enabled()
        with fl.autocast("cpu", dtype=fl.float16):
            assert (x @ x).dtype is fl.float16 and fl.get_autocast_dtype("cpu") is fl.float16
            with fl.autocast("cpu", enabled=False):
                assert (x @ x).dtype is fl.float32 and not fl.is_autocast_enabled("cpu")
        assert (x @ x).dtype is bf16 and fl.get_autocast_dtype("cpu") is bf16
        found = []
        thread = threading.Thread(target=lambda: found.append((fl.is_autocast_enabled("cpu"), (x @ x).dtype)))
        thread.start()
        thread.join()
        assert found == [(False, fl.float32)]
        with pytest.raises(ZeroDivisionError), fl.autocast("cpu"):
            _ = 1 / 0
        assert fl.is_autocast_enabled("cpu")
    assert (x @ x).dtype is fl.float32 and not fl.is_autocast_enabled("cpu")


def test_decorator():
    @fl.autocast("cpu")
    def double(x):
        """Twice."""
        return x @ (2 * fl.eye(2))

    assert double(fl.ones(1, 2)).dtype is bf16 and double.__doc__ == "Twice." and not fl.is_autocast_enabled("cpu")


def test_gradients():
    layer = fl.nn.Linear(3, 2)
    with fl.autocast("cpu"):
        y = layer(fl.ones(4, 3))
        z = layer(fl.ones(4, 3))
        loss = F.mse_loss(y + z, fl.zeros(4, 2))
    loss.backward()
    assert layer.weight.grad.dtype is fl.float32 and y.dtype is bf16 and loss.dtype is fl.float32
    exact = F.mse_loss(2 * layer(fl.ones(4, 3)), fl.zeros(4, 2))
    np.testing.assert_allclose(layer.weight.grad.numpy(), fl.autograd.grad(exact, layer.weight)[0].numpy(), 0.05, 0.02)


def test_weights_are_kept():
    weight = fl.ones(2, 3, requires_grad=True)
    converted = []
    handle = weight.register_hook(lambda grad: converted.append(grad.dtype))
    with fl.autocast("cpu"):
        y = F.linear(fl.ones(1, 3), weight) + F.linear(fl.ones(1, 3), weight)
    y.sum().backward()
    handle.remove()
    assert converted == [fl.float32] and weight.grad.tolist() == [[2, 2, 2], [2, 2, 2]]


def test_settings():
    assert fl.get_autocast_dtype("cuda") is fl.float16 and fl.amp.is_autocast_available("cpu")
    assert (
        fl.is_autocast_cache_enabled() and fl.autocast_increment_nesting() == 1 and fl.autocast_decrement_nesting() == 0
    )
    fl.set_autocast_enabled("cpu", True)
    try:
        assert fl.mm(fl.ones(1, 1), fl.ones(1, 1)).dtype is bf16
    finally:
        fl.set_autocast_enabled("cpu", False)
    fl.set_autocast_enabled(True)
    assert fl.is_autocast_enabled()
    fl.set_autocast_enabled(False)
    fl.set_autocast_dtype("cpu", fl.float16)
    assert fl.autocast("cpu").fast_dtype is fl.float16
    fl.set_autocast_dtype("cpu", bf16)
    fl.set_autocast_cache_enabled(True)
    fl.clear_autocast_cache()
    with pytest.warns(DeprecationWarning):
        assert fl.get_autocast_cpu_dtype() is bf16 and fl.get_autocast_gpu_dtype() is fl.float16
    with pytest.warns(DeprecationWarning):
        assert not fl.is_autocast_cpu_enabled()


def test_arguments_are_checked():
    with pytest.warns(UserWarning, match="not supported"):
        assert not fl.autocast("cpu", dtype=fl.float32)._enabled
    with pytest.warns(UserWarning, match="CUDA"):
        assert not fl.autocast("cuda")._enabled
    with pytest.warns(FutureWarning):
        assert fl.cpu.amp.autocast()._enabled
    for wrong, error in ((fl.device("cpu"), ValueError), ("meta", RuntimeError), ("foo", RuntimeError)):
        with pytest.raises(error):
            fl.autocast(wrong)
    with pytest.raises(TypeError):
        fl.is_autocast_enabled(3)
    with pytest.raises(TypeError):
        fl.set_autocast_dtype("cpu", 3)


def functions(cast_inputs):
    seen = []

    class Product(fl.autograd.Function):
        @staticmethod
        @fl.amp.custom_fwd(device_type="cpu", cast_inputs=cast_inputs)
        def forward(ctx, a, b):
            seen.append((fl.is_autocast_enabled("cpu"), a.dtype, b[0].dtype))
            ctx.save_for_backward(a)
            return a.mm(a)

        @staticmethod
        @fl.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append((fl.is_autocast_enabled("cpu"), grad.dtype))
            (a,) = ctx.saved_tensors
            return (2 * grad * a).to(a.dtype), None

    return Product, seen


def test_custom_functions():
    a = fl.ones(2, 2, requires_grad=True)
    product, seen = functions(None)
    with fl.autocast("cpu"):
        y = product.apply(a, [a])
    y.sum().backward()
    assert y.dtype is bf16 and a.grad.dtype is fl.float32 and seen == [(True, fl.float32, fl.float32), (True, bf16)]
    half = fl.ones(2, 2, dtype=bf16, requires_grad=True)
    product, seen = functions(fl.float32)
    with fl.autocast("cpu"):
        y = product.apply(half, [half])
    y.sum().backward()
    assert y.dtype is fl.float32 and seen == [(False, fl.float32, fl.float32), (False, fl.float32)]
    assert product.apply(half, [half]).dtype is bf16
    with pytest.raises(ValueError):
        fl.amp.custom_fwd(lambda ctx, x: x, device_type=3)


def test_functions_stay_themselves():
    """Before and after: the same objects, signatures and results."""
    import inspect

    names = inspect.signature(F.linear).parameters
    with fl.autocast("cpu"):
        pass
    assert list(inspect.signature(F.linear).parameters) == list(names) == ["input", "weight", "bias"]
    assert F.linear(bias=None, weight=fl.ones(1, 2), input=fl.ones(1, 2)).item() == 2


def test_composites_of_other_halves():
    """What is made of functions in the lists, but in no list itself, takes the other half precision too."""
    half = fl.ones(2, 3, dtype=fl.float16)
    with fl.autocast("cpu"):
        assert fl.cross(half, half, dim=1).dtype is fl.float16
        mask = fl.zeros(3, 3)
        attention = fl.nn.MultiheadAttention(4, 2)
        x = fl.ones(3, 1, 4)
        assert [t.dtype for t in attention(x, x, x, attn_mask=mask)] == [bf16, bf16]
