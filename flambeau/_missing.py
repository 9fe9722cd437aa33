"""Names that are not there: errors that say which, with the nearest one that is."""

import opcode
import sys

_IMPORT_FROM = opcode.opmap["IMPORT_FROM"]


def nearest(name, names):
    """The name most like another, or None."""
    import difflib

    by_letters = {}
    for known in names:
        by_letters.setdefault(known.lower().replace("_", ""), []).append(known)
    found = difflib.get_close_matches(name.lower().replace("_", ""), by_letters, n=1, cutoff=0.6)
    if not found:
        return None

    def likeness(known):  # of dataloader and DataLoader, the class is meant by Dataloader
        return difflib.SequenceMatcher(None, name, known).ratio(), known[:1] == name[:1]

    return max(by_letters[found[0]], key=likeness)


def names_of(module):
    """The public names of a module, those that are loaded when first used included."""
    found = set(vars(module)) | set(getattr(module, "__all__", ()))
    for table in ("_SUBMODULES", "_LAZY", "_NATIVE", "_ELSEWHERE"):
        found.update(vars(module).get(table, ()))
    return [name for name in found if not name.startswith("_")]


def _called(name):
    """A module's name as the program knows it: under torch's, if that is what it has imported."""
    for ours, theirs in (("flambeau.vision", "torchvision"), ("flambeau", "torch")):
        inside = name == ours or name.startswith(f"{ours}.")
        if inside and theirs in sys.modules and sys.modules[theirs] is sys.modules.get(ours):
            return theirs + name[len(ours) :]
    return name


def text(module, name):
    """What to say of a name that a module lacks."""
    shown = _called(module.__name__)
    close = nearest(name, names_of(module))
    hint = f"; the nearest name is {shown}.{close}" if close else ""
    return f"module {shown!r} has no attribute {name!r} in flambeau{hint}"


class MissingName(AttributeError):
    """A module's attribute that is not there; its text is made when it is shown, for many programs only ask."""

    def __init__(self, module, name):
        super().__init__(module.__name__, name)
        self.module = module
        self.name = self.obj = None  # no second suggestion by the interpreter
        self._name = name

    def __str__(self):
        return text(self.module, self._name)


def missing(module, name, depth=2):
    """The error of a name that a module lacks: an ImportError for `from module import name`, else an AttributeError.

    `depth` frames up is the code that asks.
    """
    frame = sys._getframe(depth)
    if frame.f_code.co_code[frame.f_lasti] == _IMPORT_FROM and not name.startswith("__"):
        return ImportError(text(module, name), name=module.__name__, path=getattr(module, "__file__", None))
    return MissingName(module, name)


def explain(module, found=None):
    """Let a module's missing names be errors of the kind above; returns what undoes it.

    `found(value)` is called with what the module's own `__getattr__` finds.
    """
    names = vars(module)
    before = names.get("__getattr__")

    def __getattr__(name):
        if before is not None:
            try:
                value = before(name)
                if found is not None:
                    found(value)
                return value
            except (AttributeError, ImportError) as error:
                if error.__traceback__.tb_next.tb_next is not None:  # something else went wrong inside
                    raise
        raise missing(module, name) from None

    def undo():
        if names.get("__getattr__") is __getattr__:
            del names["__getattr__"]
            if before is not None:
                names["__getattr__"] = before

    names["__getattr__"] = __getattr__
    return undo
