"""Calling a module with other parameters than its own."""

import contextlib
from collections.abc import Mapping

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

    Raises:
        RuntimeError: with `strict`, for names that are missing or unknown.
        ValueError: different values for a tensor that the module has in several places.

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
    if not isinstance(parameters_and_buffers, Mapping):
        raise ValueError(
            "Expected parameters_and_buffers to be a dict, or a list/tuple of dicts, "
            f"but got {type(parameters_and_buffers)}"
        )
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _owners(module):
    """Full name to (module, own name) of all parameters and buffers, the shared ones under each of their names."""
    return {
        (f"{path}.{name}" if path else name): (owner, name)
        for path, owner in module.named_modules(remove_duplicate=False)
        for name in (*owner._parameters, *owner._buffers)
    }


def _with_tied(owners, tensors):
    """Where the tensors go: also to the other places of a tensor that the module has in several."""
    new, by_old = {}, {}
    for name, value in tensors.items():
        if name not in owners:
            continue
        owner, own = place = owners[name]
        new[place] = value
        old = owner.__dict__[own]
        if old is None:
            continue
        first = by_old.setdefault(id(old), (name, value))
        if first[1] is not value:
            raise ValueError(f"functional_call got different values for the tied tensors {first[0]} and {name}")
    for owner, own in owners.values():
        if id(owner.__dict__[own]) in by_old:
            new.setdefault((owner, own), by_old[id(owner.__dict__[own])][1])
    return new


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, tie_weights=False, strict=False):
    tensors = parameters_and_buffers
    owners = _owners(module)
    if tie_weights:
        new = _with_tied(owners, tensors)
    else:
        new = {owners[name]: value for name, value in tensors.items() if name in owners}
    old = {place: place[0].__dict__[place[1]] for place in new}
    if strict:
        _check_names(owners, tensors, new)
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


def _check_names(owners, tensors, new):
    unknown = [name for name in tensors if name not in owners]
    if unknown:
        raise RuntimeError(f"Error(s) in loading state_dict: Unexpected key(s): {unknown}")
    missing = [name for name, (o, own) in owners.items() if o.__dict__[own] is not None and (o, own) not in new]
    if missing:
        raise RuntimeError(f"Error(s) in loading state_dict: Missing key(s): {missing}")
