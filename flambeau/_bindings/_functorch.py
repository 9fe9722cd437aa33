"""torch._C._functorch: questions about the transforms that are active."""

from .._interpreters import Batched, active


def is_batchedtensor(tensor):
    return isinstance(tensor, Batched)


def is_functorch_wrapped_tensor(tensor):
    return isinstance(tensor, Batched)


def is_gradtrackingtensor(tensor):
    return False


def is_functionaltensor(tensor):
    return False


def maybe_get_level(tensor):
    return len(active()) if isinstance(tensor, Batched) else -1


def peek_interpreter_stack():
    stack = active()
    return stack[-1] if stack else None
