"""Metadata of the nodes that are being made."""

import contextlib


def annotate(annotation):
    """A context whose nodes torch annotates: calls outside of traces have none."""
    return contextlib.nullcontext()


@contextlib.contextmanager
def preserve_node_meta(enable=True):
    """A context in which torch keeps the metadata of nodes."""
    yield


def has_preserved_node_meta():
    """Whether metadata of nodes is being kept: no."""
    return False


def format_stack():
    """The call stack as lines."""
    import traceback

    return [*reversed(traceback.format_list(traceback.extract_stack()))]
