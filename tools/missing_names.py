"""Writes what of torch's public API is missing here into docs/coming-from-pytorch.md; needs torch, and takes a minute.

A public name is one in the `__all__` of a module of torch whose path has no part that begins with an underscore, or a method of Tensor. A module that is
missing counts as one name of the one above it.
"""

import contextlib
import importlib
import io
import logging
import pkgutil
import re
import sys
import types
import warnings
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coming-from-pytorch.md"
BEGIN, END = "<!-- missing names: written by tools/missing_names.py -->", "<!-- end of missing names -->"
SHOWN = 12  # names of one module that are spelled out


def ours(name):
    """The module of flambeau that stands for one of torch, or None."""
    try:
        return importlib.import_module(name.replace("torch", "flambeau", 1))
    except ImportError:
        return None


def torch_modules(torch):
    """torch's public modules, parents first."""
    yield torch
    for info in pkgutil.walk_packages(torch.__path__, "torch.", onerror=lambda name: None):
        if not any(part.startswith("_") for part in info.name.split(".")):
            with contextlib.suppress(Exception):
                yield importlib.import_module(info.name)


def public_names(module):
    """{name: value} of the functions and classes of a module of torch; no internals of its C++ part, and nothing of other packages."""
    core = vars(sys.modules["torch._C"])
    found = {}
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name, None)
        home = getattr(value, "__module__", None) or ""
        inner = value is core.get(name) and module.__name__ == "torch"
        if (
            callable(value)
            and home.startswith("torch")
            and not inner
            and not name.startswith("_")
            and not name.endswith("_out")
        ):
            found[name] = value
    return found


def topmost(name):
    """The first module on the way to a missing one that is missing, too."""
    parts = name.split(".")
    return next(path for n in range(1, len(parts) + 1) if ours(path := ".".join(parts[:n])) is None)


def refuses(value):
    """Whether a name of ours is there for imports only."""
    if isinstance(value, type):
        return type(value).__module__ == "flambeau._unbuilt"
    code = getattr(value, "__code__", None)
    return isinstance(code, types.CodeType) and code.co_filename.endswith("_unbuilt.py")


class Survey:
    """What is there, refuses and is missing, by torch's names."""

    def __init__(self):
        self.there, self.seen = 0, {}
        self.modules, self.names, self.refusing = [], {}, {}

    def add(self, module):
        """Count a module of torch, unless it is below one that is missing."""
        path = module.__name__
        if any(path.startswith(f"{known}.") for known in self.modules):
            return
        values, mine = public_names(module), ours(path)
        if mine is None:
            known = {id(value) for value in self.seen.values()}
            if any(id(value) not in known for value in values.values()):
                self.modules.append(topmost(path))
                parent, _, name = self.modules[-1].rpartition(".")
                self.names.setdefault(parent, []).append(name)
            return
        for name, value in values.items():
            if any(value is known for known in self.seen.values() if type(known) is type(value)):
                continue  # the same under a shorter path
            self.seen[f"{path}.{name}"] = value
            if not hasattr(mine, name):
                self.names.setdefault(path, []).append(name)
            elif refuses(getattr(mine, name)):
                self.refusing.setdefault(path, []).append(name)
            else:
                self.there += 1


def listed(path, names):
    """One entry of the page: names of a module, the first ones if there are many."""
    shown = ", ".join(f"`{name}`" for name in sorted(names, key=str.lower)[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"| `{path}` | {shown}{more} |"


def section(survey, tensor):
    """The text of the page's section."""
    missing, refusing = (sum(map(len, table.values())) for table in (survey.names, survey.refusing))
    lines = [
        f"{survey.there:,} functions and classes work, {refusing} can be imported and raise `NotImplementedError` when they are used, and {missing} names "
        f"(functions, classes, whole modules) are missing. Methods of tensors that are missing: {', '.join(f'`{name}`' for name in tensor)}.",
    ]
    for title, table in (("missing", survey.names), ("only an error", survey.refusing)):
        lines += ["", f"| module | {title} |", "| --- | --- |", *(listed(*entry) for entry in sorted(table.items()))]
    return "\n".join(lines)


def main():
    warnings.simplefilter("ignore")
    logging.disable()
    import torch

    import flambeau

    survey = Survey()
    with contextlib.redirect_stderr(io.StringIO()):
        for module in torch_modules(torch):
            survey.add(module)
    tensor = [name for name in dir(torch.Tensor) if not name.startswith("_") and not hasattr(flambeau.Tensor, name)]
    text = section(survey, tensor)
    if "--print" in sys.argv[1:]:
        print(text)
        return
    page = PAGE.read_text()
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda m: f"{BEGIN}\n\n{text}\n\n{END}", page, flags=re.S))


if __name__ == "__main__":
    main()
