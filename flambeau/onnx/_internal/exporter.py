"""torch.onnx._internal.exporter."""

from ..._unbuilt import define

define(
    globals(),
    "no ONNX files are written here",
    classes="ONNXProgram",
)
