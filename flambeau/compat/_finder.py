"""Finds `torch`, `torchvision` and `functorch`: a module of theirs is the very module of flambeau that it stands for.

This file imports nothing of flambeau before it is needed: child processes load it by its path (see _site/sitecustomize.py).
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import threading
import types

VERSIONS = {"torch": "2.13.0", "torchvision": "0.28.0"}
_EVERYTHING = importlib.metadata.DistributionFinder.Context()
PACKAGES = {"torch": "flambeau", "torchvision": "flambeau.vision", "functorch": "flambeau.compat.functorch"}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports of `torch.x` return the module `flambeau.x`."""

    flambeau_compat = True  # known by this even if the file was loaded twice

    def __init__(self):
        self._being_loaded = threading.local()
        self._undo = {}  # by the modules' ids

    def real(self, name):
        """The name of the module that an import of `name` returns, or None if it is not ours to say."""
        top, dot, rest = name.partition(".")
        if top not in PACKAGES or (top == "torchvision" and not self._has_vision()):
            return None
        return PACKAGES[top] + dot + rest

    @staticmethod
    def _has_vision():
        return "flambeau.vision" in sys.modules or importlib.util.find_spec("flambeau.vision") is not None

    def find_spec(self, name, path=None, target=None):
        real = self.real(name)
        if real is None or (real not in sys.modules and not self._exists(real)):
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=real, is_package=True)

    @staticmethod
    def _exists(real):
        try:
            return importlib.util.find_spec(real) is not None
        except ModuleNotFoundError:
            return False

    def create_module(self, spec):
        module = importlib.import_module(self.real(spec.name))
        self._being_loaded.spec = getattr(module, "__spec__", None)
        self._explain(module)
        if spec.name == "torch":
            _named_after("torch", module)
            for name in [name for name in sys.modules if name.startswith("flambeau.") and "._" not in name]:
                self._explain(sys.modules[name])
        return module

    def _explain(self, module):
        """Let a module say which of its names is missing; those in it, and that it loads when they are first used, too."""
        ours = isinstance(module, types.ModuleType) and getattr(module, "__file__", None)
        if not ours or not module.__name__.startswith("flambeau") or id(module) in self._undo:
            return
        from flambeau._missing import explain

        self._undo[id(module)] = (explain(module, self._explain), module)
        for name, value in list(vars(module).items()):
            if not name.startswith("_"):
                self._explain(value)

    def exec_module(self, module):
        module.__spec__ = self._being_loaded.spec  # the import system has just put the alias's there

    def forget(self):
        """Take the aliases out of sys.modules, and give the modules back their own manners."""
        for name in [name for name in sys.modules if self.real(name)]:
            del sys.modules[name]
        for undo, module in self._undo.values():
            undo()
            if module.__name__ == "torch":
                _named_after(PACKAGES["torch"], module)
        self._undo.clear()

    def find_distributions(self, context=_EVERYTHING):
        """What importlib.metadata answers when it is asked for the version of torch."""
        for name, version in VERSIONS.items():
            if context.name in (None, name) and self.real(name):
                yield Distribution(name, version)


def _named_after(package, module):
    """Name the module, and its classes of tensors: libraries such as opt_einsum tell arrays apart by these names."""
    module.__name__ = module.Tensor.__module__ = package
    module.nn.Parameter.__module__ = f"{package}.nn.parameter"


class Missing(importlib.abc.MetaPathFinder):
    """Asked last: says that a module of torch is missing."""

    flambeau_compat = True

    def forget(self):
        """Nothing is kept."""

    def find_spec(self, name, path=None, target=None):
        parent, dot, last = name.rpartition(".")
        if not dot or parent.partition(".")[0] not in PACKAGES or parent not in sys.modules:
            return
        caller = sys._getframe(2)
        while caller is not None and "importlib" in caller.f_code.co_filename:
            if caller.f_code.co_name in ("find_spec", "_handle_fromlist"):
                return  # a question, or a name that may be something else than a module
            caller = caller.f_back
        import pkgutil

        from flambeau._missing import nearest

        names = [module.name for module in pkgutil.iter_modules(getattr(sys.modules[parent], "__path__", ()))]
        close = nearest(last, [known for known in names if not known.startswith("_") or last.startswith("_")])
        hint = f"; the nearest module is {parent}.{close}" if close else ""
        raise ModuleNotFoundError(f"No module named {name!r} in flambeau{hint}", name=name)


class Distribution(importlib.metadata.Distribution):
    """The metadata of a package that flambeau stands for."""

    def __init__(self, name, version):
        self._files = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: flambeau, under torch's name\n",
            "top_level.txt": f"{name}\n",
        }

    def read_text(self, filename):
        return self._files.get(filename)

    def locate_file(self, path):
        return path


def installed():
    """The finders of this kind that are in use."""
    return [finder for finder in sys.meta_path if getattr(finder, "flambeau_compat", False)]


def install():
    """Put the finders into use; returns whether they were not before."""
    if installed():
        return False
    sys.meta_path.insert(0, Finder())
    sys.meta_path.append(Missing())
    return True
