"""torch._inductor.utils: what programs take from it."""

import contextlib


@contextlib.contextmanager
def fresh_cache(cache_entries=None, dir=None, delete=True):
    """Inside, nothing that was compiled before is found: nothing is compiled at all."""
    yield


fresh_inductor_cache = fresh_cache
