"""The text of a failed `load_state_dict`: what torch says, then the same by module, with the nearest names."""

import difflib

WRAPPERS = ("module.", "_orig_mod.")


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
    return "\n\t".join(
        [
            *lines,
            *_by_module(module, missing, unexpected),
            *_prefix_hint(module, state_dict),
        ]
    )


def _by_module(root, missing, unexpected):
    if not (missing and unexpected):
        return []
    lines = ["By module:"]
    groups = {}
    for key in missing:
        path, _, name = key.rpartition(".")
        groups.setdefault(path, []).append((key, name))
    for path, keys in groups.items():
        named = [name + _nearest(key, unexpected) for key, name in keys]
        lines.append(f"  {path or 'the module itself'} ({_class_at(root, path)}): {', '.join(named)}")
    return lines


def _nearest(key, unexpected):
    found = difflib.get_close_matches(key, unexpected, n=1, cutoff=0.6)
    return f" (the state_dict has {found[0]})" if found else ""


def _class_at(root, path):
    try:
        return type(root.get_submodule(path)).__name__
    except AttributeError:
        return "gone"


def _prefix_hint(root, state_dict):
    keys = list(state_dict)
    for prefix in WRAPPERS:
        if keys and all(isinstance(k, str) and k.startswith(prefix) for k in keys) and prefix[:-1] not in root._modules:
            return [
                f'Every name starts with "{prefix}": the state was saved from a wrapped model. '
                f"Load {{k.removeprefix({prefix!r}): v for k, v in state_dict.items()}} instead."
            ]
    return []
