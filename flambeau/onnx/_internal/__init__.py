"""torch.onnx._internal."""
