"""How checkpoints are read and written: `config.load` and `config.save`."""

from flambeau.serialization.settings import config

__all__ = ["config"]
