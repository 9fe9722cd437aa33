"""Runs the docstring example of every public name, in its module's namespace; fails where one has none."""

import builtins
import doctest
import importlib
import inspect
import pkgutil
import sys
import warnings

import numpy as np

import flambeau
from flambeau.nn.modules import _hooks

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_objects():
    """(name, function or class) for each name in an `__all__` of the package that flambeau itself defines, once."""
    modules = [flambeau]
    for info in pkgutil.walk_packages(flambeau.__path__, "flambeau."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            modules.append(importlib.import_module(info.name))
    seen = set()
    for module in modules:
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            home = getattr(value, "__module__", None) or ""
            if not callable(value) or not home.startswith("flambeau") or id(value) in seen:
                continue
            seen.add(id(value))
            yield f"{module.__name__}.{name}", value


def examples(name, value, seen):
    """doctest's examples of an object and of the methods it defines, each docstring once."""
    targets = [(name, value)]
    if inspect.isclass(value):
        targets += [(f"{name}.{key}", inspect.unwrap(getattr(v, "__func__", v))) for key, v in vars(value).items()]
    parser = doctest.DocTestParser()
    for title, target in targets:
        text = getattr(target, "__doc__", None)
        if not isinstance(text, str) or ">>>" not in text or text in seen:
            continue
        seen.add(text)
        home = sys.modules.get(getattr(value, "__module__", None), flambeau)
        own = {key: v for key, v in vars(home).items() if not hasattr(builtins, key)}  # flambeau.float is a dtype
        names = {**own, "flambeau": flambeau, "nn": flambeau.nn, "F": flambeau.nn.functional, "np": np}
        yield parser.get_doctest(inspect.cleandoc(text), names, title, None, 0)


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    silent, bare, seen, names = [], [], set(), 0
    warnings.simplefilter("error")
    for name, value in public_objects():
        if pattern not in name:
            continue
        names += 1
        text = value.__doc__ or ""
        if not text.strip():
            silent.append(name)
        elif ">>>" not in text:
            bare.append(name)
        for test in examples(name, value, seen):
            flambeau.manual_seed(0)
            _hooks._global_is_full_backward_hook = None  # the kind is chosen once in a process; each example is one
            runner.run(test)
    failed, tried = runner.summarize(verbose=False)
    for title, missing in (("no docstring", silent), ("no example", bare)):
        if missing:
            print(f"{title}: {', '.join(missing)}")
    print(f"doc examples: {names} public names, {tried} examples run, {failed} failed, "
          f"{len(silent)} names without docstring, {len(bare)} without example")  # fmt: skip
    sys.exit(1 if failed or silent or bare else 0)


if __name__ == "__main__":
    main()
