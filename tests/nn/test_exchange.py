"""Modules that exchange their parameters when they are converted or loaded, also with tensors that have no memory of their own."""

import pytest

from tests.frame import fl

nn = fl.nn
aten = fl.ops.aten


class Scaled(fl.Tensor):
    """Numbers times a factor that is kept aside."""

    @staticmethod
    def __new__(cls, elem, scale):
        return fl.Tensor._make_wrapper_subclass(
            cls, elem.shape, dtype=elem.dtype, layout=elem.layout, device=elem.device, strides=elem.stride()
        )

    def __init__(self, elem, scale):
        self.elem, self.scale = elem, scale

    def __repr__(self):
        return f"Scaled({self.elem}, {self.scale})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args, kwargs):
        if func in (aten.detach.default, aten._to_copy.default, aten.clone.default):
            return cls(func(args[0].elem, *args[1:], **kwargs), args[0].scale)
        raise NotImplementedError(f"Unsupported function {func}")


@pytest.fixture
def swapping():
    fl.__future__.set_swap_module_params_on_conversion(True)
    yield
    fl.__future__.set_swap_module_params_on_conversion(False)


def test_conversion_of_parameters():
    layer = nn.Linear(3, 5)
    layer.weight = nn.Parameter(Scaled(layer.weight, 0.5))
    before = id(layer.weight)
    layer.bfloat16()  # only the outer tensor is converted, as in torch
    assert id(layer.weight) == before and layer.weight.dtype is fl.bfloat16 and layer.weight.elem.dtype is fl.float32


def test_conversion_by_exchange(swapping):
    layer = nn.Linear(3, 5)
    layer(fl.ones(1, 3)).sum().backward()
    bias, gradient = layer.bias, layer.bias.grad
    layer.weight = nn.Parameter(Scaled(layer.weight, 0.5))
    before = id(layer.weight)
    layer.bfloat16()
    assert id(layer.weight) == before and layer.weight.elem.dtype is layer.weight.dtype is fl.bfloat16
    assert layer.bias is bias and bias.dtype is fl.bfloat16 and bias.requires_grad
    assert bias.grad is gradient and gradient.dtype is fl.bfloat16 and gradient.tolist() == [1.0] * 5


def test_loading_by_exchange(swapping):
    class Loading(Scaled):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func is fl.Tensor.module_load:
                return Loading(args[1].detach(), args[0].scale)
            with fl._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))

    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    layer.weight = nn.Parameter(Loading(layer.weight, 0.5))
    before = id(layer.weight), id(layer.bias)
    layer.load_state_dict(other.state_dict())
    assert (id(layer.weight), id(layer.bias)) == before and fl.equal(layer.bias, other.bias)
    assert type(layer.weight) is Loading and fl.equal(layer.weight.elem, other.weight) and layer.weight.scale == 0.5

    class Same(fl.Tensor):
        def module_load(self, other, assign=False):
            return other

    layer.weight = nn.Parameter(fl.ones(2, 2).as_subclass(Same))
    with pytest.raises(RuntimeError, match="module_load returned one of self or other"):
        layer.load_state_dict(other.state_dict())


def test_conversion_by_replacement():
    fl.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        layer = nn.Linear(2, 2)
        before = layer.weight
        layer.double()
        assert layer.weight is not before and layer.weight.dtype is fl.float64 and before.dtype is fl.float32
    finally:
        fl.__future__.set_overwrite_module_params_on_conversion(False)
