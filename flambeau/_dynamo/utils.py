"""torch._dynamo.utils: counters of a compiler that is not there."""

import collections

counters: dict = collections.defaultdict(collections.Counter)


def is_compile_supported(device_type):
    """Whether the compiler takes a kind of device: no."""
    return False
