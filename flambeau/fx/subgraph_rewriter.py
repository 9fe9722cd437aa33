"""Replacing a pattern of calls in a graph by another one."""

from typing import NamedTuple

from ..nn.modules.module import Module
from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule, _copy_attr
from .node import Node

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """Where a pattern was found: the node it ends with, and {pattern's node: graph's node}.

    >>> flambeau.fx.subgraph_rewriter.Match(None, {}).nodes_map
    {}
    """

    anchor: Node
    nodes_map: dict


class ReplacedPatterns(NamedTuple):
    """A match, and the nodes that were put in its place.

    >>> flambeau.fx.subgraph_rewriter.ReplacedPatterns(None, {}, []).replacements
    []
    """

    anchor: Node
    nodes_map: dict
    replacements: list


class _Matcher:
    """Tries to lay a pattern on a graph, from its outputs backwards."""

    def __init__(self, pattern, pattern_module, module):
        self.pattern, self.pattern_module, self.module = pattern, pattern_module, module
        self.outputs = list(pattern.output_node().all_input_nodes)

    def match(self, anchor, taken):
        """{pattern's node: graph's node} if the pattern's last output can be `anchor`, else None."""
        found = {}
        if not self._fits(self.outputs[0], anchor, found):
            return None
        for output in self.outputs[1:]:
            if output not in found:
                return None
        inside = {
            found[node] for node in self.pattern.nodes if node in found and node.op not in ("placeholder", "output")
        }
        if inside & taken:
            return None
        for node in self.pattern.nodes:
            if node.op in ("placeholder", "output") or node not in found or node in self.outputs:
                continue
            if any(user not in inside for user in found[node].users):
                return None  # a value in the middle is used elsewhere
        return found

    def _fits(self, pattern, node, found):
        if pattern in found:
            return found[pattern] is node
        if not isinstance(node, Node):
            if pattern.op != "placeholder":
                return False
            found[pattern] = node
            return True
        if pattern.op == "placeholder":
            found[pattern] = node
            return True
        if not self._same_target(pattern, node) or len(pattern.args) > len(node.args):
            return False
        found[pattern] = node
        if set(pattern.kwargs) != set(node.kwargs) or len(pattern.args) != len(node.args):
            return False
        pairs = [*zip(pattern.args, node.args), *((pattern.kwargs[k], node.kwargs[k]) for k in pattern.kwargs)]
        return all(self._fits_argument(a, b, found) for a, b in pairs)

    def _fits_argument(self, pattern, value, found):
        if isinstance(pattern, Node):
            return self._fits(pattern, value, found)
        if isinstance(pattern, (list, tuple)):
            same = isinstance(value, (list, tuple)) and len(value) == len(pattern)
            return same and all(self._fits_argument(a, b, found) for a, b in zip(pattern, value))
        if isinstance(pattern, dict):
            same = isinstance(value, dict) and pattern.keys() == value.keys()
            return same and all(self._fits_argument(pattern[k], value[k], found) for k in pattern)
        return type(pattern) is type(value) and pattern == value

    def _same_target(self, pattern, node):
        if pattern.op != node.op:
            return False
        if pattern.op == "call_module" and self.pattern_module is not None:
            return isinstance(
                self.module.get_submodule(node.target), type(self.pattern_module.get_submodule(pattern.target))
            )
        return pattern.target == node.target


def _graph_of(pattern):
    """(graph, module) of a pattern given as a function, a module or a graph."""
    if isinstance(pattern, GraphModule):
        return pattern.graph, pattern
    if isinstance(pattern, Graph):
        return pattern, None
    traced = symbolic_trace(pattern)
    return traced.graph, traced


def replace_pattern(gm, pattern, replacement):
    """Replace every place of a graph that looks like a pattern; places do not overlap. The GraphModule is changed.

    Args:
        gm: the GraphModule.
        pattern: a function or module whose graph is looked for; its inputs stand for any value.
        replacement: a function or module with the same inputs.

    Returns:
        List of Match.

    >>> traced = flambeau.fx.symbolic_trace(lambda x: flambeau.relu(x) + flambeau.relu(x))
    >>> matches = flambeau.fx.replace_pattern(traced, lambda x: flambeau.relu(x), lambda x: flambeau.sigmoid(x))
    >>> len(matches), "sigmoid" in traced.code, "relu" in traced.code
    (2, True, False)
    """
    return [Match(made.anchor, made.nodes_map) for made in _replace(gm, pattern, replacement, [])]


def replace_pattern_with_filters(
    gm, pattern, replacement=None, match_filters=None, ignore_literals=False, replacement_callback=None
):
    """`replace_pattern` where all of `match_filters(match, original_graph, pattern_graph)` say so.

    >>> traced = flambeau.fx.symbolic_trace(lambda x: flambeau.relu(x))
    >>> never = lambda match, graph, pattern: False
    >>> flambeau.fx.subgraph_rewriter.replace_pattern_with_filters(traced, flambeau.relu, flambeau.neg, [never])
    []
    """
    return _replace(gm, pattern, replacement, match_filters or [])


def _replace(gm, pattern, replacement, filters):
    pattern_graph, pattern_module = _graph_of(pattern)
    new_graph, new_module = _graph_of(replacement)
    matcher = _Matcher(pattern_graph, pattern_module, gm)
    matches, taken = [], set()
    for node in reversed(list(gm.graph.nodes)):
        if node.op in ("placeholder", "output"):
            continue
        found = matcher.match(node, taken)
        if found is None or not all(accept(Match(node, found), gm.graph, pattern_graph) for accept in filters):
            continue
        taken.update(value for key, value in found.items() if key.op != "placeholder")
        matches.append((node, found))
    renewed = {}
    made = [_put(gm, pattern_graph, new_graph, anchor, found, renewed) for anchor, found in reversed(matches)]
    if isinstance(replacement, Module) or new_module is not None:
        for node in gm.graph.nodes:
            if node.op in ("call_module", "get_attr") and not _has(gm, node.target):
                _copy_attr(new_module, gm, node.target)
    gm.recompile()
    return made


def _has(module, path):
    for part in path.split("."):
        if not hasattr(module, part):
            return False
        module = getattr(module, part)
    return True


def _put(gm, pattern, replacement, anchor, found, renewed):
    """Put the replacement in the place of one match; `renewed` says what has taken the place of nodes."""

    def current(node):
        while isinstance(node, Node) and node in renewed:
            node = renewed[node]
        return node

    inputs = [current(found[node]) for node in pattern.nodes if node.op == "placeholder" and node in found]
    places = [node for node in replacement.nodes if node.op == "placeholder"]
    values = dict(zip(places, inputs))
    before = set(gm.graph.nodes)
    with gm.graph.inserting_before(anchor):
        result = gm.graph.graph_copy(replacement, values)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    replaced = [found[node] for node in pattern.output_node().all_input_nodes]
    for old, new in zip(replaced, results):
        renewed[old] = new
        old.replace_all_uses_with(new, delete_user_cb=lambda user, new=new: user is not new)
    for node in reversed(list(pattern.nodes)):
        if node.op not in ("placeholder", "output") and node in found and not found[node].users:
            gm.graph.erase_node(found[node])
    added = [node for node in gm.graph.nodes if node not in before]
    return ReplacedPatterns(anchor, found, added)
