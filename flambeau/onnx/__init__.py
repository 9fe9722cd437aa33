"""ONNX files: they are not written; every function says so."""

from . import errors, symbolic_helper, symbolic_opset9, symbolic_opset11, symbolic_opset12
from .errors import OnnxExporterError

__all__ = ["OnnxExporterError", "errors", "export", "is_in_onnx_export"]


def is_in_onnx_export():
    """Whether the code runs in order to be exported: no.

    >>> flambeau.onnx.is_in_onnx_export()
    False
    """
    return False


def export(model=None, args=(), f=None, **options):
    """Write a model as an ONNX file: an error.

    Raises:
        OnnxExporterError: always; the weights can go to a file that torch reads.

    >>> flambeau.onnx.export(None)
    Traceback (most recent call last):
        ...
    flambeau.onnx.errors.OnnxExporterError: [onnx.export] flambeau writes no ONNX files: save the state_dict, load it into the model under torch, and export there
    """
    raise OnnxExporterError(
        "[onnx.export] flambeau writes no ONNX files: save the state_dict, load it into the model under torch, and export there"
    )


def register_custom_op_symbolic(symbolic_name, symbolic_fn, opset_version):
    """Keep how an operator is written to ONNX; nothing is written."""


def unregister_custom_op_symbolic(symbolic_name, opset_version):
    """Forget what register_custom_op_symbolic was told."""
