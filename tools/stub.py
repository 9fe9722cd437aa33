"""Writes flambeau/_C.pyi: what nanobind's stubgen knows, and the classes that are made without nanobind.

Tensor is one of those: its stub has the methods that the families of flambeau/ops give it, too.
"""

import inspect
import re
import sys
import tempfile
from pathlib import Path

from nanobind import stubgen

from flambeau import _C

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_NANOBIND = ("Node", "Size", "Tensor", "dtype")
HIDDEN = ("__dict__", "__doc__", "__module__", "__repr__", "__weakref__")  # each class inherits them from object


def parameters(function):
    """What stands between the parentheses of a function's `def`."""
    bound = getattr(function, "__nb_signature__", None)
    if bound:
        return re.search(r"\((.*)\)", bound[0][0])[1]
    try:
        listed = inspect.signature(function).parameters.values()
    except ValueError:
        return "self, *args: Any, **kwargs: Any"
    plain = [p if p.default is p.empty else p.replace(default=...) for p in listed]
    return str(inspect.Signature(plain))[1:-1].replace("Ellipsis", "...")


def member(kind, name, value):
    """The lines that declare one member of a class."""
    if name == "__new__":
        return ["def __new__(cls, *args: Any, **kwargs: Any) -> Any: ..."]
    if name.startswith("__i") and hasattr(kind, f"__{name[3:]}"):  # `x += y` takes what `x + y` takes
        return [f"def {name}({parameters(getattr(kind, f'__{name[3:]}'))}) -> Any: ..."]
    if isinstance(value, property) and value.fset is None:
        return ["@property", f"def {name}(self) -> Any: ..."]
    if not callable(value):
        return [f"{name}: Any"]
    return ["@staticmethod"] * isinstance(value, staticmethod) + [f"def {name}({parameters(value)}) -> Any: ..."]


def declaration(kind):
    """A class as a pattern of stubgen: the name it replaces, and the lines that replace it."""
    bases = ", ".join(base.__name__ for base in kind.__bases__)
    lines = [f"class {kind.__name__}({bases}):"]
    for name, value in vars(kind).items():
        if name not in HIDDEN:
            lines += [f"    {line}" for line in member(kind, name, value)]
    return "\n".join([rf"flambeau\._C\.{kind.__name__}$:", *(f"    {line}" for line in lines), ""])


def main(target=ROOT / "flambeau" / "_C.pyi"):
    for kind in vars(_C).values():
        if isinstance(kind, type):
            kind.__module__ = "flambeau._C"  # where they are for a type checker; Python shows where users find them
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as patterns:
        patterns.write("flambeau\\._C\\.__prefix__$:\n    \\import builtins\n    \\from typing import Any\n\n")
        patterns.write("\n".join(declaration(getattr(_C, name)) for name in WITHOUT_NANOBIND))
        patterns.flush()
        stubgen.main(["-q", "-P", "-m", "flambeau._C", "-p", patterns.name, "-o", str(target)])
    # `bool` is a dtype in the module, and bool, float and int are methods of Tensor; `from` is a word of the language.
    text = re.sub(r"((?:[:>|,] |\[))(bool|float|int)\b", r"\1builtins.\2", Path(target).read_text())
    text = re.sub(r"\bfrom: ", "from_: ", text)
    text = re.sub(r"^(\w+) = __\w+__$", r"\1: Any", text, flags=re.M)  # a slot's wrapper
    # Functions of Python that became attributes of the module or of its classes; what else there is, is found when asked for.
    text = re.sub(r"^from flambeau(\.\w+)? import (\([^)]*\)|.*)\n", "", text, flags=re.M)
    text += "\n_disabled_torch_function_impl: Any\n\ndef __getattr__(name: str) -> Any: ...\n"
    Path(target).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
