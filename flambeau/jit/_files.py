"""Scripted modules and functions in files: plain data, that names classes; loading one runs nothing that the file says."""

import importlib
import io
import os
import sys
import types

from .. import _C
from ..nn.modules.module import Module
from ._script import RecursiveScriptModule, ScriptFunction, ScriptModule
from ._trace import TopLevelTracedModule

__all__ = ["load", "save"]

_FORMAT = "flambeau.jit 1"
_PLAIN = (bool, int, float, complex, str, bytes, type(None), _C.Tensor, _C.dtype, _C.device, _C.Size)
_OWN = (
    "_python",
    "_wrapper",
    "_traced_modes",
    "_parameter_names",
    "_buffer_names",
    "_module_names",
    "_non_persistent_buffers_set",
)


def _is_plain(value):
    if type(value) in _PLAIN or isinstance(value, _C.Tensor):
        return True
    if type(value) in (list, tuple, set):
        return all(map(_is_plain, value))
    return type(value) is dict and all(_is_plain(k) and _is_plain(v) for k, v in value.items())


def _name_of(obj):
    return [obj.__module__, obj.__qualname__]


def _reference(value):
    """The name of a function or class that a file may mention, or None."""
    if not isinstance(value, (types.FunctionType, type)) or "<" in value.__qualname__:
        return None
    return _name_of(value)


def _described(module, done):
    """A module as plain data."""
    if id(module) in done:
        return {"same": done[id(module)]}
    done[id(module)] = len(done)
    own = module.__dict__
    python = own.get("_python", module)
    registered = {*own["_parameter_names"], *own["_buffer_names"], *own["_module_names"]}
    rest = {k: v for k, v in own.items() if k not in registered and k not in _OWN and not k.endswith("hooks")}
    return {
        "class": _name_of(type(python)),
        "scripted": type(module).__name__,
        "modes": own.get("_traced_modes"),
        "parameters": {k: (own[k], own[k] is not None and own[k].requires_grad) for k in own["_parameter_names"]},
        "buffers": {k: (own[k], k not in own["_non_persistent_buffers_set"]) for k in own["_buffer_names"]},
        "plain": {k: v for k, v in rest.items() if _is_plain(v)},
        "references": {k: _reference(v) for k, v in rest.items() if not _is_plain(v) and _reference(v)},
        "modules": {k: None if own[k] is None else _described(own[k], done) for k in own["_module_names"]},
    }


def save(m, f, _extra_files=None):
    """Write a scripted or traced module, or function, to a file for `load`.

    The file holds parameters, buffers, plain attributes and the names of classes and functions. Who loads it needs these
    classes: their source is not in the file.

    Args:
        m: a ScriptModule or a ScriptFunction.
        f: a path, or an object with `write`.
        _extra_files: {name: text or bytes} of what goes into the file, too.

    Raises:
        AttributeError: m is neither scripted nor traced.

    >>> import io
    >>> file = io.BytesIO()
    >>> flambeau.jit.save(flambeau.jit.script(nn.Linear(2, 2)), file)
    >>> _ = file.seek(0)
    >>> flambeau.jit.load(file)
    RecursiveScriptModule(original_name=Linear)
    """
    from .. import serialization

    if isinstance(m, ScriptFunction):
        target = getattr(m._fn, "__func__", m._fn)
        if not hasattr(target, "__qualname__") or "<" in target.__qualname__:
            raise RuntimeError(
                f"[jit.save] {m.name} has no name that a file could mention: define it with def, in a module"
            )
        content = {"function": _name_of(target)}
    elif isinstance(m, ScriptModule):
        content = {"module": _described(m, {})}
    else:
        raise AttributeError(
            f"'{type(m).__name__}' object has no attribute 'save': [jit.save] script or trace it first"
        )
    extra = {k: v.encode() if isinstance(v, str) else bytes(v) for k, v in (_extra_files or {}).items()}
    serialization.save({"format": _FORMAT, "extra": extra, **content}, f)


def to_bytes(m, extra_files=None):
    """The bytes that `save` writes."""
    file = io.BytesIO()
    save(m, file, extra_files)
    return file.getvalue()


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Read what `save` has written.

    Args:
        f: a path, or an object with `read`.
        map_location: the device for its tensors.
        _extra_files: {name: anything}; the values are replaced by the file's bytes.

    Raises:
        ValueError: there is no such file.
        RuntimeError: it is another kind of file, or names a class that is not there.

    >>> import io
    >>> file = io.BytesIO(flambeau.jit.script(nn.ReLU()).save_to_buffer())
    >>> flambeau.jit.load(file)(flambeau.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """
    content = _read(f, map_location)
    if _extra_files is not None:
        for name in _extra_files:
            _extra_files[name] = content["extra"].get(name, b"")
    try:
        if "function" in content:
            return ScriptFunction(_find(content["function"], types.FunctionType))
        return _made(content["module"], [])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise RuntimeError(f"[jit.load] the file is damaged: {type(error).__name__}: {error}") from error


def _read(f, map_location):
    from .. import serialization

    if isinstance(f, (str, os.PathLike)):
        if not os.path.exists(f):
            raise ValueError(f"[jit.load] The provided filename {f} does not exist")
        if os.path.isdir(f):
            raise ValueError(f"[jit.load] The provided filename {f} is a directory")
    try:
        content = serialization.load(f, map_location=map_location, weights_only=True)
    except (Exception, EOFError) as error:
        raise RuntimeError(
            f"[jit.load] expected a file of flambeau.jit.save: {error}. TorchScript archives of torch's hold code that flambeau does not "
            "run: save the model's state_dict with torch, and load that into the Python class"
        ) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT or not isinstance(content.get("extra"), dict):
        raise RuntimeError(
            "[jit.load] expected a file of flambeau.jit.save; for one of flambeau.save use flambeau.load"
        )
    return content


def _find(name, kind):
    """The class or function of a name; only modules of flambeau are imported for it."""
    module, path = name
    if not isinstance(module, str) or not isinstance(path, str):
        raise RuntimeError(f"[jit.load] expected the name of a {kind.__name__}, got {name!r}")
    home = sys.modules.get(module)
    if home is None and module.split(".")[0] in ("flambeau", "torch", "torchvision"):
        home = importlib.import_module(
            module.replace("torchvision", "flambeau.vision", 1).replace("torch", "flambeau", 1)
        )
    found = home
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise RuntimeError(f"[jit.load] the file needs {module}.{path}: import (or define) it before loading")
    return found


def _made(data, done):
    if "same" in data:
        return done[data["same"]]
    kind = _find(data["class"], type)
    if not (isinstance(kind, type) and issubclass(kind, Module)):
        raise RuntimeError(f"[jit.load] {'.'.join(data['class'])} is not a module class")
    python = kind.__new__(kind)
    Module.__init__(python)
    wrapper = TopLevelTracedModule if data["scripted"] == "TopLevelTracedModule" else RecursiveScriptModule
    made = python if issubclass(kind, ScriptModule) else wrapper._around(python)
    done.append(made)
    python.__dict__.update(data["plain"])
    for name, reference in data["references"].items():
        python.__dict__[name] = _find(reference, types.FunctionType)
    _fill(python, data, done)
    if data["modes"] is not None:
        python.__dict__["_traced_modes"] = data["modes"]
    return made


def _fill(python, data, done):
    from ..nn.parameter import Parameter

    for name, (value, requires_grad) in data["parameters"].items():
        if value is not None and not (isinstance(value, Parameter) and value.requires_grad == requires_grad):
            value = Parameter(value, requires_grad=requires_grad)
        python.register_parameter(name, value)
    for name, (value, persistent) in data["buffers"].items():
        python.register_buffer(name, value, persistent=persistent)
    for name, child in data["modules"].items():
        python.register_module(name, None if child is None else _made(child, done))
