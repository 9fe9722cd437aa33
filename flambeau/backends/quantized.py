"""Engines of quantized kernels: there are none."""

__all__ = []

engine = "none"
supported_engines = ["none"]
