"""AdamW under its own module name."""

from flambeau.optim.adam import AdamW

__all__ = ["AdamW"]
