"""Exported programs: not here."""

from .._unbuilt import define


class Dim:
    """A size that may vary, for export.

    >>> flambeau.export.Dim("batch", min=1).__name__
    'batch'
    """

    AUTO = DYNAMIC = STATIC = None

    def __init__(self, name, *, min=None, max=None):
        self.__name__, self.min, self.max = name, min, max


def register_dataclass(cls, *, serialized_type_name=None):
    """Let a dataclass be taken apart into its fields.

    >>> import dataclasses
    >>> @dataclasses.dataclass
    ... class Pair:
    ...     a: int
    >>> flambeau.export.register_dataclass(Pair)
    """
    from ..utils._pytree import register_dataclass as register

    register(cls, serialized_type_name=serialized_type_name)


define(
    globals(),
    "programs are not exported here: flambeau.jit.save and flambeau.fx keep a model",
    classes="ExportedProgram ExportGraphSignature",
    functions="export export_for_training load save unflatten draft_export",
)
