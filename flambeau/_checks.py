"""torch's private checks, which libraries use: an error of one class each, with a text or a function that makes it."""

from . import _C


def _assert(condition, message):
    """`assert condition, message` as a call, which a trace can record."""
    if type(condition).__name__ == "Proxy" or not isinstance(condition, bool):
        asked = getattr(type(condition), "__torch_function__", None)
        if asked is not None and hasattr(condition, "tracer"):
            return asked(_assert, (type(condition),), (condition, message), {})
    assert condition, message
    return None


def _text(cond, message):
    if message is None:
        return "Expected cond to be True, but got False. (Could this error message be improved? If so, please report an enhancement request to PyTorch.)"  # fmt: skip
    if not callable(message):
        raise TypeError("message must be a callable")
    return str(message())


def _checker(kind):
    def check(cond, message=None):
        if not isinstance(cond, bool):
            raise TypeError(f"cond must be a bool, but got {type(cond)}")
        if not cond:
            raise kind(_text(cond, message))

    return check


_check = _checker(RuntimeError)
_check_index = _checker(IndexError)
_check_value = _checker(ValueError)
_check_type = _checker(TypeError)
_check_not_implemented = _checker(NotImplementedError)


def _check_with(error_type, cond, message=None):
    if not cond:
        raise error_type(_text(cond, message))


def _check_is_size(i, message=None, *, max=None):
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _check_tensor_all_with(error_type, cond, message=None):
    if not isinstance(cond, _C.Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype is not _C.bool:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(error_type, bool(cond.all()), message)


def _assert_async(input, assert_msg="Expected Tensor with single nonzero value, but got zero"):
    if not isinstance(input, _C.Tensor):
        raise TypeError(f"_assert_async(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not bool(input):
        raise RuntimeError(assert_msg)


def _check_tensor_all(cond, message=None):
    _check_tensor_all_with(RuntimeError, cond, message)
