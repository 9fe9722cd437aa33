"""Times every op of `calls.py` at 16 K and 1 M elements, forward and with its backward, beside torch.

    python benchmarks/ops.py [PATTERN] [--tiers 1,2] [--sizes 16K,1M] [--threads 1] [--json FILE] [--above 1.5]

PATTERN is a regular expression on "name | call". flambeau and torch take turns in one process; a time is the best of many short
blocks of calls. The ratio is flambeau's time divided by torch's, so above 1 is slower; the table is sorted, slowest first.
Calls that seem slower are measured twice, and progress goes to the standard error.
`--inventory FILE` lists instead the functions and methods of that table of PyTorch's names that have no row here: views, metadata, modules' state.
"""

import argparse
import ast
import csv
import json
import math
import re
import sys

from calls import ARGUMENTS, TIER_1, TIER_2, rows
from timing import by_turns, geometric_mean, libraries, readable

SIDES = {"16K": 128, "1M": 1024}


def names_in(call):
    """The arguments that a call uses."""
    return sorted({node.id for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Name)} & ARGUMENTS.keys())


def prepare(lib, call, side):
    """(the call as a function of nothing, its arguments by name)."""
    lib.manual_seed(0)
    arguments = {name: ARGUMENTS[name](lib, side) for name in names_in(call)}
    scope = {"t": lib, "F": lib.nn.functional, "n": side, **arguments}
    return eval(f"lambda: {call}", scope), arguments


def leaves(lib, arguments):
    """The floating tensors among the arguments, and modules' parameters, set to need gradients."""
    found = []
    for name, value in arguments.items():
        if isinstance(value, lib.nn.Module):
            found += value.parameters()
        elif isinstance(value, lib.Tensor) and name != "data" and (value.is_floating_point() or value.is_complex()):
            found.append(value.requires_grad_())
        elif isinstance(value, list) and isinstance(value[0], lib.Tensor):
            found += [item.requires_grad_() for item in value]
    return found


def with_backward(lib, call, side):
    """The call and the gradients of its first result for all leaves; an error where it has none."""
    body, arguments = prepare(lib, call, side)
    inputs = leaves(lib, arguments)
    weight = lib.ones_like(first(lib, body()))
    return lambda: lib.autograd.grad(first(lib, body()), inputs, weight, allow_unused=True)


def first(lib, result):
    """The first tensor of a result."""
    while not isinstance(result, lib.Tensor):
        result = result[0]
    return result


def cases(options):
    """(label, {library: how to get its body}) for what the options ask for."""
    table = [row for tier in options.tiers.split(",") for row in rows({"1": TIER_1, "2": TIER_2}[tier])]
    for name, call in table:
        if re.search(options.pattern, f"{name} | {call}"):
            for size in options.sizes.split(","):
                yield f"{name} | {call} | {size}", lambda lib, c=call, s=SIDES[size]: prepare(lib, c, s)[0]
                yield f"{name} | {call} | {size} backward", lambda lib, c=call, s=SIDES[size]: with_backward(lib, c, s)


def measure(label, make, found, options):
    """{library: seconds}; empty where the first library has no such call (no gradient, say)."""
    bodies = {}
    for name, lib in found.items():
        try:
            body = make(lib)
            body(), body()
            bodies[name] = body
        except Exception as error:  # one op that fails must not end the others
            if not bodies:
                return {}
            print(f"{label}: {name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    return by_turns(bodies, options.rounds, options.seconds, pause=0.008 if options.threads > 1 else 0, limit=1.0)


def uncovered(path, tiers):
    """Functions, methods and operators of the inventory without a row."""
    covered = {name for text in (TIER_1, TIER_2) for name, _ in rows(text)}
    with open(path, encoding="utf-8") as stream:
        for entry in csv.DictReader(stream, delimiter="\t"):
            if entry["tier"] in tiers and entry["kind"] in ("function", "method", "dunder"):
                name = re.sub(r"^torch\.(Tensor\.|nn\.functional\.|nn\.init\.|nn\.utils\.(rnn\.)?)?", "", entry["name"])
                plain = name.strip("_") if entry["kind"] == "dunder" else name
                if not {name, plain, plain[1:], plain.rstrip("_"), plain[1:] + "_"} & covered:
                    print(entry["tier"], entry["name"])


def report(figures, above):
    """The table, slowest first, and a line per size."""
    ratios = {label: t["flambeau"] / t["torch"] for label, t in figures.items() if len(t) == 2}
    for label in sorted(ratios, key=ratios.get, reverse=True):
        if ratios[label] >= above:
            times = figures[label]
            print(f"{ratios[label]:7.2f}  {readable(times['flambeau'])}  {readable(times['torch'])}  {label}")
    for kind in sorted({label.rsplit(" | ", 1)[1] for label in ratios}):
        of_kind = [ratio for label, ratio in ratios.items() if label.endswith(" | " + kind)]
        slow = sum(ratio > 1.5 for ratio in of_kind)
        print(f"{kind}: {len(of_kind)} calls, geometric mean {geometric_mean(of_kind):.2f}, {slow} above 1.5")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--tiers", default="1")
    parser.add_argument("--sizes", default="16K,1M")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.005, help="length of a block")
    parser.add_argument("--above", type=float, default=0.0, help="show only ratios from here on")
    parser.add_argument("--json", help="write the times there")
    parser.add_argument("--inventory", help="list this table's names without a row")
    options = parser.parse_args()
    if options.inventory:
        uncovered(options.inventory, options.tiers.split(","))
        return
    found = libraries(("torch", "flambeau"), options.threads)
    figures = {}
    for label, make in cases(options):
        times = measure(label, make, found, options)
        if times.get("flambeau", 0) > 1.4 * times.get("torch", math.inf):  # again, lest a disturbance decide
            again = measure(label, make, found, options)
            times = {name: min(times[name], again[name]) for name in times}
        if times:
            figures[label] = times
            print(f"{times.get('flambeau', 0) / times.get('torch', 1):7.2f}  {label}", file=sys.stderr, flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump(figures, stream, indent=1)
    report(figures, options.above)


if __name__ == "__main__":
    main()
