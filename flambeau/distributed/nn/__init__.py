"""Collective operations with gradients."""
