"""torch._dynamo.decorators."""

from . import allow_in_graph, disable, disallow_in_graph, graph_break, mark_dynamic, mark_static  # noqa: F401
