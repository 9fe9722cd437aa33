"""torch._subclasses: tensors that stand for others, which flambeau has not."""

from .fake_tensor import FakeTensor, FakeTensorMode, is_fake
