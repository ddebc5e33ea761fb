"""Ordinary ``nn.Module``s from graphs: the names of the spec, and a ``forward`` that a person can read."""

from .build import build

__all__ = ["build"]
