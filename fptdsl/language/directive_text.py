"""Growth directives as text, one line each."""

from __future__ import annotations

from . import syntax
from .expression_text import arguments, factor, limit, literal


def using(node: syntax.Using | None) -> str:
    """`` using METHOD(options)`` with a blank before it, or nothing."""
    return "" if node is None else f" using {node.method}{arguments(node.options)}"


def amount(node: syntax.Amount) -> str:
    if node.kind == "factor":
        return f"by {factor(node.value)}"
    word = "to multiple of" if node.kind == "multiple" else node.kind
    return f"{word} {node.value}"


def directive(node: syntax.Directive) -> str:
    """The text of one directive."""
    if isinstance(node, syntax.Widen):
        size = f" {node.size}" if node.size else ""
        return f"widen {node.path}{size} {amount(node.amount)}{using(node.using)}"
    if isinstance(node, syntax.Deepen):
        return _deepen(node)
    if isinstance(node, syntax.Enlarge):
        to = f"({', '.join(map(str, node.to))})" if isinstance(node.to, tuple) else str(node.to)
        return f"enlarge {node.path} {node.size} to {to}{using(node.using)}"
    if isinstance(node, syntax.Branch):
        return f"branch {node.path} into {node.into}{using(node.using)}"
    if node.limit is None:
        return f"require {node.what}"
    return f"require {node.what} <= {limit(node.limit) if node.what == 'params' else literal(node.limit)}"


def _deepen(node: syntax.Deepen) -> str:
    text = f"deepen {', '.join(map(str, node.paths))} by {node.by}"
    if node.to is not None:
        text += f" to {node.to}"
    if node.place in ("start", "end"):
        text += f" at {node.place}"
    elif node.place == "after":
        text += f" after {node.after}"
    elif node.place is not None:
        text += f" {node.place}"
    if node.name is not None:
        text += f" as {node.name}"
    return text + using(node.using)
