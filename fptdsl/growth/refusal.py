"""A place where a directive cannot be carried out; becomes a diagnostic at the directive."""

from __future__ import annotations


class Refused(Exception):
    """``code`` of the catalogue, the reason as message, and a way out."""

    def __init__(self, code: str, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.hint = code, hint
