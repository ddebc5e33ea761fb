"""Diagnostics as a JSON document: what ``--json`` prints for a fault."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import CODES, Diagnostic, Span


def document(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """``{"schema": 1, "kind": "diagnostics", "diagnostics": [...]}``"""
    return {"schema": 1, "kind": "diagnostics", "diagnostics": [_diagnostic(item) for item in diagnostics]}


def _diagnostic(item: Diagnostic) -> dict[str, Any]:
    return {
        "code": item.code,
        "severity": item.severity,
        "summary": CODES[item.code],
        "message": item.message,
        "path": item.path,
        "span": _span(item.span),
        "hint": item.hint,
        "notes": [{"message": note.message, "span": _span(note.span)} for note in item.notes],
    }


def _span(span: Span | None) -> dict[str, Any] | None:
    """Lines and columns count from 1; ``length`` is in characters; ``text`` is the first line."""
    if span is None:
        return None
    return {
        "source": span.source.name,
        "line": span.line,
        "column": span.column,
        "length": max(1, span.end - span.start),
        "text": span.source.line(span.line),
    }
