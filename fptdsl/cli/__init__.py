"""The command line: one file per command, which parses options, calls the API and draws one view."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
