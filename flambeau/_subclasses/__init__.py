"""torch._subclasses: tensors without memory, which flambeau has not."""

from .fake_tensor import FakeTensor, FakeTensorMode, is_fake
