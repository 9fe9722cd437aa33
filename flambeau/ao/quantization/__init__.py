"""Places in a model where torch quantizes. Nothing is quantized: these modules pass on what they get."""

from ...nn.modules.module import Module

__all__ = ["DeQuantStub", "QuantStub", "QuantWrapper"]


class QuantStub(Module):
    """Where quantized numbers would begin: passes its input on.

    >>> flambeau.ao.quantization.QuantStub()(flambeau.ones(1))
    tensor([1.])
    """

    def __init__(self, qconfig=None):
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x):
        return x


class DeQuantStub(QuantStub):
    """Where quantized numbers would end: passes its input on.

    >>> flambeau.ao.quantization.DeQuantStub()(flambeau.ones(1))
    tensor([1.])
    """


class QuantWrapper(Module):
    """A module between a QuantStub and a DeQuantStub.

    >>> flambeau.ao.quantization.QuantWrapper(nn.ReLU())(flambeau.ones(1))
    tensor([1.])
    """

    def __init__(self, module):
        super().__init__()
        self.quant = QuantStub()
        self.dequant = DeQuantStub()
        self.module = module
        self.train(module.training)

    def forward(self, X):
        return self.dequant(self.module(self.quant(X)))
