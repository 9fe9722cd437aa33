"""torch._dynamo.exc."""


class TorchDynamoException(RuntimeError):
    """An error of torch's compiler: nothing is compiled."""


class Unsupported(TorchDynamoException):
    """Something that torch's compiler does not take."""


class TensorifyScalarRestartAnalysis(TorchDynamoException):
    """An error inside torch's compiler."""
