"""Automatic mixed precision: half precision where it is safe, and scaled losses."""

from .grad_scaler import GradScaler

__all__ = ["GradScaler"]
