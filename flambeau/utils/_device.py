"""The device of new tensors, under the name that it has in torch."""

from flambeau._default_device import DeviceContext, _device_constructors  # noqa: F401

__all__ = ["DeviceContext"]
