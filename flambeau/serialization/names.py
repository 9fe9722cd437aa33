"""The names that classes and functions have in files: those of torch and torchvision, so that either reads the other's files."""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

_PACKAGES = (
    ("flambeau.vision", "torchvision"),
    ("flambeau._types", "torch"),
    ("flambeau", "torch"),
)  # first match counts


def _moved(module, pairs):
    for source, target in pairs:
        if module == source or module.startswith(f"{source}."):
            return target + module[len(source) :]
    return module


def module_in_files(module):
    """The name that files have for a module of this package; any other module's own.

    >>> module_in_files("flambeau.vision.models.resnet"), module_in_files("flambeau.nn"), module_in_files("fractions")
    ('torchvision.models.resnet', 'torch.nn', 'fractions')
    """
    return _moved(module, _PACKAGES)


def module_here(module):
    """The module of this package that a file means.

    >>> module_here("torchvision.models.resnet"), module_here("torch.nn"), module_here("fractions")
    ('flambeau.vision.models.resnet', 'flambeau.nn', 'fractions')
    """
    return _moved(module, (("torchvision", "flambeau.vision"), ("torch", "flambeau")))


def public_name(module, name):
    """A global's name as this version of Python has it."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return f"{module}.{name}"
