"""Helpers: data loading, checkpointed activations, DLPack, hooks."""
