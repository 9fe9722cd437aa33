"""The models by name, and their published weights: what is known of these is in weights.json."""

import enum
import fnmatch
import functools
import importlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flambeau.hub import load_state_dict_from_url

__all__ = [
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
    "register_model",
]

BUILTIN_MODELS: dict = {}
_PACKAGE = __name__.rpartition(".")[0]


@dataclass
class Weights:
    """Where weights are, how pictures are prepared for them, and what is known about them.

    Args:
        url: the address of the file.
        transforms: makes the preparation of a picture when called.
        meta: facts by name, `categories` and `num_params` among them.

    >>> flambeau.vision.models.Weights("file:///w.pth", transforms=dict, meta={"num_params": 3}).meta
    {'num_params': 3}
    """

    url: str
    transforms: Callable
    meta: Mapping[str, Any]

    def __eq__(self, other):
        if not isinstance(other, Weights):
            return NotImplemented
        return all(_parts(getattr(self, f.name)) == _parts(getattr(other, f.name)) for f in fields(self))


def _parts(value):
    """What makes two preparations equal: function and arguments."""
    return (value.func, value.args, value.keywords) if isinstance(value, functools.partial) else value


class WeightsEnum(enum.Enum):
    """The published weights of one model; a member has `url`, `transforms` and `meta`.

    >>> flambeau.vision.models.AlexNet_Weights.DEFAULT
    AlexNet_Weights.IMAGENET1K_V1
    """

    @classmethod
    def verify(cls, obj):
        """The member that `obj` stands for: itself, its name, or None."""
        if isinstance(obj, str):
            return cls[obj.removeprefix(f"{cls.__name__}.")]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {obj.__class__.__name__}."
            )
        return obj

    def get_state_dict(self, *args, **kwargs):
        """The weights, fetched once and kept (arguments of flambeau.hub.load_state_dict_from_url)."""
        return load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self):
        return f"{self.__class__.__name__}.{self._name_}"

    @property
    def url(self):
        return self.value.url

    @property
    def transforms(self):
        return self.value.transforms

    @property
    def meta(self):
        return self.value.meta


@functools.cache
def _table(name):
    return json.loads((Path(__file__).parent / name).read_text())


def _preset(name, settings):
    """A preparation that is looked up when it is needed."""
    module = importlib.import_module("flambeau.vision.transforms._presets")
    if "interpolation" in settings:
        mode = importlib.import_module("flambeau.vision.transforms.functional").InterpolationMode
        settings = {**settings, "interpolation": mode(settings["interpolation"])}
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    return functools.partial(getattr(module, name), **settings)


def _weights(facts):
    facts = dict(facts)
    url, preset = facts.pop("url"), facts.pop("preset")
    for key, name in (("categories", facts.get("categories")), ("keypoint_names", facts.get("keypoint_names"))):
        if name is not None:
            facts[key] = _table("categories.json")[name]
    facts["min_size"] = tuple(facts["min_size"])
    return Weights(url, _preset(*preset), facts)


def weights_enum(name, module):
    """The enum of a model's published weights, from the table."""
    facts = dict(_table("weights.json")[name])
    default = facts.pop("DEFAULT")
    members = {key: _weights(value) for key, value in facts.items()}
    names = {**members, "DEFAULT": members[default]}
    made = WeightsEnum(name, names, module=module, qualname=name)
    place = module.rpartition(".")[0]
    made.__doc__ = (
        f"Published weights: {', '.join(members)}.\n\n>>> {place}.{name}.DEFAULT.url\n{members[default].url!r}\n"
    )
    return made


def asked_weights(cls, name, positional, weights, kwargs):
    """The member of `cls` that a call asks for, in today's way or the old one (`pretrained=True`, or by position)."""
    if positional:
        weights = positional[0] if weights is None else weights
    if "pretrained" in kwargs:
        weights = kwargs.pop("pretrained")
        warnings.warn(f"{name}: the argument 'pretrained' is now called 'weights'", UserWarning, stacklevel=3)
    if isinstance(weights, bool):
        weights = next(iter(cls)) if weights else None
    return cls.verify(weights)


def settle(kwargs, name, value):
    """Set an argument that follows from the model's name or weights; another value is an error."""
    if kwargs.setdefault(name, value) != value:
        raise ValueError(f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead.")


def _text(title, module, name, enum_name, make):
    """The docstring of a constructor: how to call it where it is quick to make, else what its weights say."""
    place = module.rpartition(".")[0]
    known = next(v for k, v in _table("weights.json")[enum_name].items() if k != "DEFAULT")
    example = f'>>> {place}.{enum_name}.DEFAULT.meta["num_params"]\n{known["num_params"]}'
    return (
        f"{title}.\n\nArgs:\n    weights: published weights ({enum_name}, the name of one, or None).\n"
        f"    progress: show the download.\n    **kwargs: passed on to {getattr(make, '__name__', 'the class')}.\n\n{example}\n"
    )


def variant(title, enum_name, name, make, *args, adapt=None, rename=None, **settings):
    """(enum of weights, constructor) of one named model.

    Args:
        title: for its docstring: what it is and where it comes from.
        make: a class or function; `args` and `settings` are its arguments.
        adapt: called with the weights and the arguments, which it may change; may return what finishes the model.
        rename: makes today's state dict of the published one.
    """
    module = make.__module__
    cls = weights_enum(enum_name, module)

    def build(*positional, weights=None, progress=True, **kwargs):
        weights = asked_weights(cls, name, positional, weights, kwargs)
        for key, value in settings.items():
            settle(kwargs, key, value)
        finish = None
        if weights is not None:
            if weights.meta.get("categories") is not None:
                settle(kwargs, "num_classes", len(weights.meta["categories"]))
            finish = adapt(weights, kwargs) if adapt else None
        model = make(*args, **kwargs)
        if weights is not None:
            state = weights.get_state_dict(progress=progress, check_hash=True)
            model.load_state_dict(rename(state) if rename else state)
        if finish:
            finish(model)
        return model

    build.__doc__ = _text(title, module, name, enum_name, make)
    return cls, publish(build, name, module, cls)


def publish(build, name, module, cls):
    """Give a constructor its name and place, and list it."""
    build.__name__ = build.__qualname__ = name
    build.__module__, build.weights = module, cls
    return register_model(name)(build)


def register_model(name=None):
    """A decorator that lists a constructor under its own or another name.

    >>> @flambeau.vision.models.register_model("my_net")
    ... def build(weights=None):
    ...     return flambeau.nn.Linear(2, 1)
    >>> flambeau.vision.models.get_model("my_net")
    Linear(in_features=2, out_features=1, bias=True)
    >>> _ = flambeau.vision.models._api.BUILTIN_MODELS.pop("my_net")
    """

    def wrap(fn):
        key = name if name is not None else fn.__name__
        if key in BUILTIN_MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        BUILTIN_MODELS[key] = fn
        return fn

    return wrap


def list_models(module=None, include=None, exclude=None):
    """Names of the listed models, sorted.

    Args:
        module: only those of this module.
        include: patterns of names (str or several) to take.
        exclude: patterns of names to leave out.

    >>> flambeau.vision.models.list_models(include="vgg1*", exclude="*_bn")
    ['vgg11', 'vgg13', 'vgg16', 'vgg19']
    """
    names = [
        key
        for key, fn in BUILTIN_MODELS.items()
        if module is None or fn.__module__.rpartition(".")[0] == module.__name__
    ]
    if include:
        names = [n for n in names if any(fnmatch.fnmatch(n, p) for p in _several(include))]
    return sorted(n for n in names if not any(fnmatch.fnmatch(n, p) for p in _several(exclude or ())))


def _several(patterns):
    return [patterns] if isinstance(patterns, str) else patterns


def get_model_builder(name):
    """The constructor listed under a name.

    >>> flambeau.vision.models.get_model_builder("resnet18").__name__
    'resnet18'
    """
    key = name.lower()
    if key not in BUILTIN_MODELS:
        import difflib

        near = difflib.get_close_matches(key, BUILTIN_MODELS, 1)
        raise ValueError(f"Unknown model {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return BUILTIN_MODELS[key]


def get_model(name, **config):
    """A listed model, by name.

    Args:
        name: one of list_models().
        **config: the constructor's arguments.

    >>> flambeau.vision.models.get_model("squeezenet1_1", num_classes=2).num_classes
    2
    """
    return get_model_builder(name)(**config)


def get_model_weights(name):
    """The enum of a model's weights.

    Args:
        name: a listed name, or a constructor.

    >>> flambeau.vision.models.get_model_weights("alexnet").__name__
    'AlexNet_Weights'
    """
    build = get_model_builder(name) if isinstance(name, str) else name
    found = getattr(build, "weights", None)
    if found is None:
        raise ValueError("The WeightsEnum class for the specific method couldn't be retrieved: it has no `weights`.")
    return found


def get_weight(name):
    """Weights by their full name.

    >>> flambeau.vision.models.get_weight("ResNet50_Weights.IMAGENET1K_V2")
    ResNet50_Weights.IMAGENET1K_V2
    """
    enum_name, dot, value = name.partition(".")
    if not dot:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    for build in BUILTIN_MODELS.values():
        cls = getattr(build, "weights", None)
        if cls is not None and cls.__name__ == enum_name:
            return cls.verify(value)
    raise ValueError(f"The weight enum '{enum_name}' was not found; names look like ResNet50_Weights.IMAGENET1K_V2.")
