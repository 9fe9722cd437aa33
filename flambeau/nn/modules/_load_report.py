"""The text of a failed `load_state_dict`: what torch says, then the same by module with the nearest names, then what to do."""

import difflib
from collections.abc import Mapping

from flambeau import Tensor
from flambeau.nn.parameter import is_lazy

WRAPPERS = ("module.", "_orig_mod.")
MOST_MODULES = 20  # that are listed one by one
MOST_COMPARED = 200  # names that are compared letter by letter


def strict_errors(missing, unexpected):
    """The lines for names that are on one side only."""
    lines = []
    if missing:
        lines.append("Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
    if unexpected:
        lines.append("Unexpected key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in unexpected)))
    return lines


def explain(module, state_dict, missing, unexpected, errors):
    """The whole message."""
    lines = [f"Error(s) in loading state_dict for {type(module).__name__}:", *errors]
    nearest = _nearest_names(missing, unexpected)
    lines += _by_module(module, state_dict, missing, nearest)
    for hint in (_inside, _of_an_optimizer, _wrapped, _unwrapped, _renamed, _arrays, _transposed):
        found = hint(module, state_dict, missing, nearest)
        if found:
            lines.append(found)
            break
    return "\n\t".join(lines)


def wrong_type(value):
    """The message for what is no dictionary at all."""
    text = f"Expected state_dict to be dict-like, got {type(value)}."
    if hasattr(value, "state_dict"):
        return text + " Pass its state_dict()."
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return text + " Read the file first: load_state_dict(flambeau.load(path))."
    return text


def _nearest_names(missing, unexpected):
    """For each missing name the unexpected one that is most like it: equal in as many last parts as possible."""
    by_ending = {}
    for key in unexpected:
        parts = str(key).split(".")
        for i in range(len(parts)):
            by_ending.setdefault(".".join(parts[i:]), []).append(key)
    nearest = {}
    for key in missing:
        parts = key.split(".")
        endings = (".".join(parts[i:]) for i in range(len(parts)))
        candidates = next((by_ending[ending] for ending in endings if ending in by_ending), unexpected)
        if len(candidates) <= MOST_COMPARED:
            found = difflib.get_close_matches(key, map(str, candidates), n=1, cutoff=0.6)
            if not found and len(candidates) == 1 and candidates is not unexpected:
                found = candidates
            if found:
                nearest[key] = found[0]
    return nearest


def _by_module(root, state_dict, missing, nearest):
    if not nearest:
        return []
    groups, shapes = {}, _shapes(root)
    for key in missing:
        path, _, name = key.rpartition(".")
        groups.setdefault(path, []).append(_described(shapes, state_dict, key, name, nearest.get(key)))
    lines = ["By module:"]
    for path, names in list(groups.items())[:MOST_MODULES]:
        lines.append(f"  {path or 'the module itself'} ({_class_at(root, path)}): {', '.join(names)}")
    if len(groups) > MOST_MODULES:
        lines.append(f"  ... and {len(groups) - MOST_MODULES} more modules")
    return lines


def _described(shapes, state_dict, key, name, near):
    if near is None:
        return name
    here, there = shapes.get(key), state_dict.get(near)
    change = ""
    if here is not None and isinstance(there, Tensor) and list(there.shape) != here:
        change = f", {list(there.shape)} instead of {here}"
    return f"{name} (the state_dict has {near}{change})"


def _shapes(root):
    """The shapes of parameters and buffers by name, of those that have one."""
    named = (*root.named_parameters(remove_duplicate=False), *root.named_buffers(remove_duplicate=False))
    return {name: list(tensor.shape) for name, tensor in named if not is_lazy(tensor)}


def _class_at(root, path):
    try:
        return type(root.get_submodule(path)).__name__
    except AttributeError:
        return "gone"


def _inside(root, state_dict, missing, nearest):
    """A checkpoint that holds the state among other things."""
    wanted = set(missing)
    for key, value in state_dict.items():
        if isinstance(value, Mapping) and wanted and len(wanted & value.keys()) > len(wanted) / 2:
            return f"The names are in its entry {key!r}: load state_dict[{key!r}] instead."
    return None


def _of_an_optimizer(root, state_dict, missing, nearest):
    if missing and set(state_dict) == {"state", "param_groups"}:
        return "This is the state of an optimizer."
    return None


def _wrapped(root, state_dict, missing, nearest):
    """A state whose names all have a wrapper's prefix."""
    keys = list(state_dict)
    for prefix in WRAPPERS:
        if keys and all(isinstance(k, str) and k.startswith(prefix) for k in keys) and prefix[:-1] not in root._modules:
            return (
                f'Every name starts with "{prefix}": the state was saved from a wrapped model. '
                f"Load {{k.removeprefix({prefix!r}): v for k, v in state_dict.items()}} instead."
            )
    return None


def _unwrapped(root, state_dict, missing, nearest):
    """A wrapped model whose state was saved without the wrapper."""
    for prefix in WRAPPERS:
        if missing and all(k.startswith(prefix) and k.removeprefix(prefix) in state_dict for k in missing):
            return f"The state was saved from a model that was not wrapped: load it into `.{prefix[:-1]}`."
    return None


def _renamed(root, state_dict, missing, nearest):
    """Names that differ in one and the same place."""
    if not missing or len(nearest) < len(missing):
        return None
    changes = {_change(key, nearest[key]) for key in missing}
    if len(changes) != 1:
        return None
    here, there = changes.pop()
    if not here or not there or here == missing[0]:
        return None
    here, there = here + ".", there + "."
    return (
        f"`{here}` is called `{there}` in the state_dict. Load "
        f"{{{here!r} + k.removeprefix({there!r}) if k.startswith({there!r}) else k: v for k, v in state_dict.items()}} "
        "instead."
    )


def _change(here, there):
    """What two names begin with before they are equal."""
    a, b = here.split("."), there.split(".")
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a.pop(), b.pop()
    return ".".join(a), ".".join(b)


def _arrays(root, state_dict, missing, nearest):
    if any(type(value).__module__ == "numpy" for value in state_dict.values()):
        return "It holds NumPy arrays. Load {k: flambeau.from_numpy(v) for k, v in state_dict.items()} instead."
    return None


def _transposed(root, state_dict, missing, nearest):
    shapes = _shapes(root)

    def is_transposed(key, value):
        here = shapes.get(key, [])
        return isinstance(value, Tensor) and value.dim() == 2 and here != list(value.shape) == here[::-1]

    found = [key for key, value in state_dict.items() if is_transposed(key, value)]
    return f"Transposed (`.T`) these would fit: {', '.join(found)}." if found else None
