"""Errors of ONNX files."""

__all__ = ["OnnxExporterError"]


class OnnxExporterError(RuntimeError):
    """A model cannot be written as an ONNX file.

    >>> issubclass(flambeau.onnx.OnnxExporterError, RuntimeError)
    True
    """
