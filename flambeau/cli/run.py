"""Run a PyTorch program unchanged: `import torch` (and `import torchvision`) is flambeau.

The program sees what it would see under `python`: its arguments, its folder first on the path, its exit status.
"""

import argparse
import builtins
import importlib.machinery
import importlib.util
import os
import sys
import types

SUMMARY = "run a PyTorch program, unchanged"
EXAMPLES = """\
  flambeau run train.py --epochs 3
  flambeau run -m package.train --epochs 3
  flambeau run folder_with_a_main/"""
_OWN = os.path.dirname(os.path.abspath(__file__))


def add_arguments(parser):
    """What stands between `run` and the program; all that follows is the program's."""
    parser.usage = "flambeau run script.py [args ...]\n       flambeau run -m module [args ...]"
    parser.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, metavar="module", help="run a module of the path"
    )
    parser.add_argument(
        "script", nargs="?", help="a file, or a folder or zip file with a __main__.py; - is the standard input"
    )
    parser.add_argument("args", nargs=argparse.REMAINDER, help="the program's arguments")


def run(options):
    """Run the program as `__main__`."""
    if options.module is not None and not options.module:
        return _complain("-m needs the name of a module")
    if options.module is None and options.script is None:
        return _complain("which program? Try: flambeau run script.py")
    from .. import compat

    compat.install()
    compat.for_subprocesses()
    if options.module is not None:
        name, *arguments = options.module
        return _run(lambda: _module(name), arguments)
    return _run(lambda: _script(options.script), options.args)


def _complain(message):
    print(f"flambeau run: {message}", file=sys.stderr)
    return 2


class _Unusable(Exception):
    """The program cannot be started; the text says why."""


def _set_path(folder):
    """What Python puts first on the path: the program's folder, in the place of the one that found this command."""
    if getattr(sys.flags, "safe_path", False):
        return
    sys.path[0:1] = [folder]


def _script(path):
    """(code, names of the module, sys.argv[0]) of a file, folder or zip file, or of "-", the standard input."""
    if path == "-":
        _set_path("")
        return compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True), {"__spec__": None}, path
    if not os.path.exists(path):
        raise _Unusable(_no_file(path))
    if os.path.isdir(path) or path.endswith((".zip", ".pyz", ".egg")):
        spec = importlib.machinery.PathFinder.find_spec("__main__", [path])
        if spec is None or spec.loader is None:
            raise _Unusable(f"can't find '__main__' module in {os.path.abspath(path)!r}")
        _set_path(path)
        return spec.loader.get_code("__main__"), {"__file__": spec.origin, "__spec__": spec, "__package__": ""}, path
    _set_path(os.path.dirname(os.path.realpath(path)))
    file = os.path.abspath(path)
    loader = importlib.machinery.SourceFileLoader("__main__", file)
    code = compile(loader.get_data(file), file, "exec", dont_inherit=True)
    return code, {"__file__": file, "__loader__": loader, "__spec__": None, "__package__": None}, path


def _no_file(path):
    from .._missing import nearest

    folder, name = os.path.split(path)
    message = f"can't open file {os.path.abspath(path)!r}: no such file or directory"
    if not os.path.isdir(folder or "."):
        return message
    close = nearest(name, sorted(os.listdir(folder or ".")))
    return f"{message}; there is {os.path.join(folder, close)!r}" if close else message


def _module(name):
    """(code, names of the module, sys.argv[0]) of a module found on the path."""
    _set_path(os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        raise _Unusable(f"error while finding the module {name!r}: {error}") from None
    code = spec and spec.loader and getattr(spec.loader, "get_code", lambda name: None)(name)
    if code is None:
        raise _Unusable(f"no module named {name!r} with code to run")
    return code, {"__file__": spec.origin, "__spec__": spec, "__package__": spec.parent}, spec.origin


def _run(find, arguments):
    """Run what `find` finds; an exception that ends it is shown without the frames of this command."""
    sys.argv = ["-m", *arguments]
    main = types.ModuleType("__main__")
    try:
        code, names, sys.argv[0] = find()
        vars(main).update(names, __builtins__=builtins)
        if main.__spec__ is not None:
            main.__loader__ = main.__spec__.loader
        sys.modules["__main__"] = main
        exec(code, vars(main))
    except _Unusable as error:
        return _complain(error)
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        raise
    return 0


def _show(error):
    """Let the program's excepthook show the error; then the interpreter ends as for any other, saying nothing more."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN):
        trace = trace.tb_next
    error = error.with_traceback(_without_import_system(trace) if isinstance(error, ImportError) else trace)
    for file in (sys.stdout, sys.stderr):
        file.flush()
    sys.excepthook(type(error), error, error.__traceback__)
    sys.excepthook = lambda *ignored: None


def _without_import_system(trace):
    """The traceback up to the program's own import statement."""
    kept = []
    while trace is not None:
        kept.append(trace)
        trace = trace.tb_next
    while kept and kept[-1].tb_frame.f_code.co_filename.startswith(("<frozen importlib", os.path.dirname(_OWN))):
        kept.pop()
    for one, following in zip(kept, [*kept[1:], None]):
        one.tb_next = following
    return kept[0] if kept else None
