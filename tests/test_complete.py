"""Nothing is left out: every primitive and every public function has its row and its docstring. No ignore list."""

import importlib
import pkgutil
import types
from pathlib import Path

import pytest

from tests.frame import fl, load_rows, resolve

ROWS = load_rows()
NAMES = {name for row in ROWS for name in (row.name, *row.aliases())}
COVERED = {name.rpartition(".")[2] for name in NAMES} | {name for row in ROWS for name in row.covers}
# Where ops are public: the functions found there need rows.
NAMESPACES = ("", "nn.functional", "linalg", "fft", "masked", "signal.windows", "special")
# Their functions are settings and questions, not ops: a test that calls them by name will do.
SETTINGS = ("flambeau.ops.autograd", "flambeau.ops.properties", "flambeau.ops.random", "flambeau.ops.system")
SOURCES = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))


def public_functions(namespace):
    """Names in `__all__` that are ops: functions of flambeau/ops, of the extension, or of the namespace's own
    module."""
    try:
        module = importlib.import_module(f"flambeau.{namespace}".rstrip("."))
    except ModuleNotFoundError:
        return
    for name in module.__all__:
        value = getattr(module, name)
        home = getattr(value, "__module__", None) or ""
        if not callable(value) or isinstance(value, type):
            continue
        inside = home.startswith(f"{module.__name__}.") and namespace
        if home.startswith(("flambeau.ops", "flambeau._C")) or home == module.__name__ or inside:
            if home in (*SETTINGS, "flambeau._C") and f"fl.{name}(" in SOURCES:
                continue
            yield f"{namespace}.{name}".lstrip(".")


def names_at_hand():
    """Public names of the top that are made when first used: those of torch's core, and of lists of tensors."""
    lists = importlib.import_module("flambeau.ops.foreach")
    top = importlib.import_module("flambeau")
    return {*top._NATIVE, *(name for name in vars(lists) if name.startswith("_foreach_"))}


def objects_with_rows():
    """The functions that rows are of: another name of the same function needs no row of its own."""
    found = set()
    for name in NAMES:
        try:
            found.add(id(resolve(name)))
        except AttributeError:
            continue  # test_ops says so
    return found


def test_every_primitive_has_a_row():
    missing = sorted(set(importlib.import_module("flambeau._C").op_names()) - COVERED)
    assert not missing, f"primitives without a row in tests/ops: {missing}"


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_public_function_has_a_row(namespace):
    known = objects_with_rows()
    missing = sorted(name for name in set(public_functions(namespace)) - NAMES if id(resolve(name)) not in known)
    assert not missing, f"public functions without a row in tests/ops: {missing}"


def test_every_name_at_hand_has_a_row():
    missing = sorted(names_at_hand() - NAMES)
    assert not missing, f"names without a row in tests/ops: {missing}"


def test_rows_are_unique():
    seen = set()
    twice = {row.name for row in ROWS if row.name in seen or seen.add(row.name)}
    assert not twice, f"rows written twice: {sorted(twice)}"


def test_rows_say_something():
    """Each row has samples, a reference or a check, and pointwise and reducing rows have 0-dim and empty inputs."""
    bad = [row.name for row in ROWS if not row.list_samples() or (row.ref is None) == (row.check is None)]
    assert not bad, f"rows need samples and either ref or check: {bad}"


def public_modules():
    yield importlib.import_module("flambeau")
    for info in pkgutil.walk_packages(fl.__path__, "flambeau."):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield importlib.import_module(info.name)


def test_every_public_name_is_documented():
    missing = []
    for module in public_modules():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            home = getattr(value, "__module__", "") or ""
            documented = isinstance(value, type) or isinstance(value, types.FunctionType | types.BuiltinFunctionType)
            if documented and home.startswith("flambeau") and not (value.__doc__ or "").strip():
                missing.append(f"{module.__name__}.{name}")
    assert not missing, f"public names without a docstring: {sorted(set(missing))}"
