"""Tracing by dispatch: there is none."""


def get_proxy_mode():
    """The mode that traces: None."""
    return


def maybe_disable_thunkify():
    """A context in which nothing is put off: nothing ever is."""
    import contextlib

    return contextlib.nullcontext()
