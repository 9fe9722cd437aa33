"""Fails on an include or import that goes up the layers (docs/design.md, Layers)."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Lower layers first. A file may use its own layer and those before it.
CPP = [{"core"}, {"kernels"}, {"ops"}, {"autograd"}, {"python"}]
PYTHON = [
    {"_C"},
    {
        "_absent",
        "_unbuilt",
        "_missing",
        "torch_version",
        "_settings",
        "_checks",
        "_dlpack",
        "_sharing",
        "_streams",
        "_symbols",
        "_types",
        "return_types",
        "storage",
        "version",
    },
    {"ops"},
    {"_composed", "_default_device", "_interpreters", "_legacy", "autograd", "overrides", "tensor", "_printing"},
    {"fft", "linalg", "nested", "random", "signal", "sparse", "special"},
    {
        "__future__",
        "_control",
        "_elsewhere",
        "accelerator",
        "amp",
        "backends",
        "compiler",
        "cpu",
        "cuda",
        "functional",
        "futures",
        "mps",
        "mtia",
        "multiprocessing",
        "nn",
        "optim",
        "quasirandom",
        "serialization",
        "utils",
        "xpu",
    },
    {"data", "distributions", "func", "hub", "masked", "testing", "types"},
    {
        "__config__",
        "_VF",
        "_bindings",
        "_dynamo",
        "_functorch",
        "_higher_order_ops",
        "_inductor",
        "_jit_internal",
        "_logging",
        "_ops",
        "_prims_common",
        "_subclasses",
        "_tensor",
        "_tensor_str",
        "_aten",
        "_utils",
        "_wrappers",
        "ao",
        "distributed",
        "export",
        "fx",
        "jit",
        "library",
        "onnx",
        "profiler",
        "quantization",
    },
    {"vision", "train", "compat", "cli"},
    {"__init__", "__main__"},
]
# Methods that hand over to a higher room when they are called.
LATE = {
    ("autograd", "func"),
    ("ops", "_default_device"),
    ("nn", "distributed"),
    ("storage", "ops"),
    ("utils", "_aten"),
    ("utils", "fx"),
    ("utils", "hub"),
    ("utils", "jit"),
    ("ops", "autograd"),
    ("ops", "linalg"),
    ("ops", "sparse"),
    ("tensor", "_wrappers"),
    ("tensor", "serialization"),
}
# `import flambeau` stands for the ops, the tensor and the modes: open to every room above these.
FACADE = 4
# Heavy or optional: only inside the function that needs it.
LAZY = {"numpy", "scipy", "torch", "PIL", "tqdm", "multiprocessing", "concurrent", "asyncio", "unittest", "pdb"}


def level(layers, name):
    return next((number for number, names in enumerate(layers) if name in names), None)


def check_cpp(path):
    """Messages about one C++ file."""
    folder = path.relative_to(ROOT / "csrc").parts[0]
    own = level(CPP, folder)
    if own is None:
        yield f"{path}: csrc/{folder} is in no layer"
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        target = found[2]
        if found[1] == "<":
            if folder != "python" and (target.startswith("nanobind") or target == "Python.h"):
                yield f"{path}:{number}: only csrc/python may include {target}"
            continue
        first = target.split("/")[0] if "/" in target else folder
        other = level(CPP, first)
        if other is None:
            yield f"{path}:{number}: {target} is in no layer; write includes from csrc/ on"
        elif other > own:
            yield f"{path}:{number}: {folder} may not include {target}, which is above it"


def imported(node, module, is_package):
    """Absolute names of the modules that an import statement loads."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = module.split(".")
    if node.level:
        base = base[: len(base) - node.level + (1 if is_package else 0)]
        prefix = ".".join([*base, *([node.module] if node.module else [])])
    else:
        prefix = node.module
    if prefix == "flambeau":
        return [f"flambeau.{alias.name}" for alias in node.names]
    return [prefix]


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(tree):
    """(import statement, whether it runs when the module is imported)."""
    stack = [(node, True) for node in tree.body]
    while stack:
        node, top = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, top
        elif not is_type_checking(node):
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            stack += [(child, top and not inside) for child in ast.iter_child_nodes(node)]


def check_python(path):
    """Messages about one file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    room = parts[1] if len(parts) > 1 else "__init__"
    own = level(PYTHON, room)
    if own is None:
        yield f"{path}: flambeau.{room} is in no layer: add it to tools/layers.py"
        return
    for node, top in imports(ast.parse(path.read_text())):
        for name in imported(node, module, is_package):
            first, _, rest = name.partition(".")
            if first in LAZY and top and room != first:
                yield f"{path}:{node.lineno}: import {first} inside the function that needs it"
            if first != "flambeau":
                continue
            target = rest.split(".")[0]
            if not top and (room, target) in LATE:
                continue
            other = level(PYTHON, target)
            if other is None:
                other = FACADE
            if other > own:
                yield f"{path}:{node.lineno}: flambeau.{room} may not import {name}, which is above it"


def main():
    problems = []
    sources = [p for p in sorted((ROOT / "csrc").rglob("*")) if p.suffix in (".h", ".cpp")]
    modules = sorted((ROOT / "flambeau").rglob("*.py"))
    for path in sources:
        problems += check_cpp(path)
    for path in modules:
        problems += check_python(path)
    for problem in problems:
        print(problem.replace(f"{ROOT}/", ""))
    print(f"layers: {len(sources)} C++ and {len(modules)} Python files, {len(problems)} edges that go up")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
