"""AdamW under its own module name."""

from flambeau.optim.adam import AdamW, adamw  # noqa: F401

__all__ = ["AdamW"]
