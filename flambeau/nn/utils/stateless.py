"""Calling a module with other parameters than its own."""

import contextlib

from flambeau import Tensor

__all__ = ["functional_call"]


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """The result of a module with the given tensors in the places of its own, which stay as they are.

    Args:
        module: the module.
        parameters_and_buffers: a dictionary from full name to tensor, or several dictionaries.
        args: the arguments, a tuple or a single one.
        kwargs: the keyword arguments.
        tie_weights: a tensor that the module has in several places is replaced in all of them.
        strict: raise if a name is missing or unknown.

    Example::

        >>> layer = flambeau.nn.Linear(2, 1)
        >>> new = {"weight": flambeau.ones(1, 2), "bias": flambeau.zeros(1)}
        >>> flambeau.nn.utils.stateless.functional_call(layer, new, flambeau.ones(2))
        tensor([2.])
    """
    if isinstance(parameters_and_buffers, tuple | list):
        merged = {}
        for part in parameters_and_buffers:
            if merged.keys() & part.keys():
                raise ValueError(f"{sorted(merged.keys() & part.keys())} appear in multiple dictionaries")
            merged.update(part)
        parameters_and_buffers = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _owners(module):
    """Full name to (module, own name) of all parameters and buffers, the shared ones under each of their names."""
    return {
        (f"{path}.{name}" if path else name): (owner, name)
        for path, owner in module.named_modules(remove_duplicate=False)
        for name in (*owner._parameters, *owner._buffers)
    }


@contextlib.contextmanager
def _replaced(module, tensors, tie_weights, strict):
    owners = _owners(module)
    unknown = [name for name in tensors if name not in owners]
    missing = [name for name, (owner, own) in owners.items() if owner.__dict__[own] is not None and name not in tensors]
    if unknown and (strict or not all(_plain(module, name) for name in unknown)):
        raise RuntimeError(f"Error(s) in loading state_dict: Unexpected key(s): {unknown}")
    if strict and missing:
        raise RuntimeError(f"Error(s) in loading state_dict: Missing key(s): {missing}")
    new = {owners[name]: value for name, value in tensors.items() if name in owners}
    if tie_weights:
        by_old = {id(owner.__dict__[own]): value for (owner, own), value in new.items()}
        for owner, own in owners.values():
            if id(owner.__dict__[own]) in by_old:
                new.setdefault((owner, own), by_old[id(owner.__dict__[own])])
    old = {place: place[0].__dict__[place[1]] for place in new}
    try:
        for (owner, own), value in new.items():
            owner.__dict__[own] = value
        yield
    finally:
        for (owner, own), value in old.items():
            now = owner.__dict__.get(own)
            if isinstance(now, Tensor) and now is not new[owner, own]:
                tensors.update({n: now for n, place in owners.items() if place == (owner, own) and n in tensors})
            owner.__dict__[own] = value


def _plain(module, name):
    path, _, own = name.rpartition(".")
    try:
        return hasattr(module.get_submodule(path), own)
    except AttributeError:
        return False
