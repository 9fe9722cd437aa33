"""Print a model's modules with output shapes, parameters and multiplications; nothing is computed.

The model is what a function or class gives when it is called without arguments: MODULE:NAME of an importable module, or FILE.py:NAME.
"""

import importlib
import importlib.util
import os
import sys

SUMMARY = "print a model's modules, shapes, parameters and multiplications"
EXAMPLES = """\
  flambeau summary flambeau.vision.models:resnet50 1,3,224,224
  flambeau summary model.py:Net 32,784 --depth 2
  flambeau summary model.py:Translator 8,20 8,30 --dtype int64"""


def add_arguments(parser):
    """Options of the command."""
    parser.add_argument(
        "model", metavar="MODULE:NAME", help="where the model is, such as flambeau.vision.models:resnet50"
    )
    parser.add_argument(
        "sizes", nargs="*", metavar="SIZE", help="the shape of each input, its numbers separated by commas"
    )
    parser.add_argument("--dtype", default="float32", help="of the inputs (default: %(default)s)")
    parser.add_argument("--depth", type=int, default=3, help="levels of modules to show (default: %(default)s)")


def run(options):
    """Find the model and print its summary."""
    import flambeau
    from flambeau import compat

    try:
        sizes = [tuple(int(n) for n in size.split(",")) for size in options.sizes]
    except ValueError:
        return _complain(
            f"a size is whole numbers separated by commas, such as 1,3,224,224; got {' '.join(options.sizes)}"
        )
    dtype = getattr(flambeau, options.dtype, None)
    if not isinstance(dtype, flambeau.dtype):
        return _complain(f"no dtype is called {options.dtype!r}")
    compat.install()  # the file may import torch
    try:
        model = find(options.model)
        print(flambeau.summary(model, sizes or None, dtypes=dtype, depth=options.depth))
    except (LookupError, TypeError, ValueError, RuntimeError, OSError, ImportError) as error:
        return _complain(error)
    return 0


def _complain(message):
    print(f"flambeau summary: {message}", file=sys.stderr)
    return 2


def find(place):
    """The module that MODULE:NAME or FILE.py:NAME stands for, called if it is a function or class.

    >>> from flambeau.cli.summary import find
    >>> find("flambeau.nn:ReLU")
    ReLU()
    """
    import flambeau

    where, _, name = place.rpartition(":")
    if not where or not name:
        raise LookupError(f"expected MODULE:NAME or FILE.py:NAME, got {place!r}")
    module = _from_file(where) if where.endswith(".py") else importlib.import_module(where)
    if not hasattr(module, name):
        from flambeau._missing import nearest

        close = nearest(name, dir(module))
        raise LookupError(f"{where} has no {name!r}" + (f"; there is {close!r}" if close else ""))
    found = getattr(module, name)
    model = found if isinstance(found, flambeau.nn.Module) else found()
    if not isinstance(model, flambeau.nn.Module):
        raise TypeError(f"{place} is no model: it gives {type(model).__name__}")
    return model


def _from_file(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file: {path}")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
