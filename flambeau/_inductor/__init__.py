"""torch._inductor: torch's code generator. Nothing is generated."""

from .._settings import define
from . import utils

config = define(
    __name__, triton=define("flambeau._inductor.config", "triton"), cpp=define("flambeau._inductor.config", "cpp")
)


def list_mode_options(mode=None, dynamic=None):
    """The options of compile's modes: none changes anything."""
    return {}


def list_options():
    """The names of settings: none changes anything."""
    return []


def compile(gm, example_inputs, options=None):
    """A graph as compiled code: the graph itself."""
    return gm
