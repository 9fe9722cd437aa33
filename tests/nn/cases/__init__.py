"""Small programs for any library with torch's API. What they give in torch is recorded, and test_cases.py compares.

Each module of this package has functions `case_...(lib)` that return numbers, strings, tensors, modules' states or errors'
classes in lists, tuples and dicts. `python -m tests.nn.cases torch` records torch's results.
"""

import importlib
import json
import pkgutil
import warnings
from pathlib import Path

RECORDED = Path(__file__).parent.parent.parent / "recorded" / "nn.json"


def load_cases():
    """Name to function, of all cases."""
    cases = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name != "__main__":
            found = vars(importlib.import_module(f"{__name__}.{info.name}"))
            cases.update(
                {f"{info.name}.{name[5:]}": function for name, function in found.items() if name.startswith("case_")}
            )
    return cases


def outcome(function, *args, **kwargs):
    """The result as plain data, or the error's class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(function(*args, **kwargs))
        except Exception as error:
            names = [cls.__name__ for cls in type(error).__mro__]
            builtin = [name for name in names if name in __builtins__]
            return f"raises {builtin[0]}"


def plain(value):
    """Tensors, modules and containers as what JSON can hold."""
    if hasattr(value, "state_dict") and hasattr(value, "named_parameters"):
        trained = [name for name, _ in value.named_parameters()]
        return {"state": plain(dict(value.state_dict())), "trained": trained}
    if hasattr(value, "untyped_storage"):
        return tensor_figures(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if value == value else "nan"
    if value is None or isinstance(value, str | int):
        return value
    return repr(value)


def tensor_figures(tensor):
    """Dtype, shape, two values, the sum of absolute values and a sum that sees the order."""
    flat = tensor.detach()
    if flat.is_complex():
        flat = flat.resolve_conj().contiguous()
        flat = flat.view(flat.real.dtype)
    values = [float(x) for x in flat.double().reshape(-1).tolist()]
    sums = [sum(map(abs, values)), sum(x * (1 + i % 7) for i, x in enumerate(values))]
    dtype = str(tensor.dtype).rpartition(".")[2]
    return {"tensor": [dtype, *tensor.shape], "values": [plain(x) for x in values[:2] + sums]}


def record(lib):
    """Writes every case's result."""
    results = {name: outcome(function, lib) for name, function in load_cases().items()}
    lines = [f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
