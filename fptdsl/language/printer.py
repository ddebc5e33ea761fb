"""The formatter: a syntax tree as the text that a person would write.

``parse(unparse(tree)) == tree`` for every tree that the parser can give.  Comments are not part of a
tree; to keep those of an existing text, change it with :mod:`fptdsl.language.edit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import syntax
from .directive_text import directive
from .expression_text import argument, arguments, expression, parameter, string

WIDTH = 100
INDENT = "  "

_EXPRESSIONS = (
    syntax.Literal_,
    syntax.Name,
    syntax.List,
    syntax.Unary,
    syntax.Binary,
    syntax.Conditional,
    syntax.Call,
)
_DIRECTIVES = (syntax.Widen, syntax.Deepen, syntax.Enlarge, syntax.Branch, syntax.Require)
_ONE_LINERS = (syntax.Use, syntax.Grow)


def unparse(node: syntax.Node, indent: int = 0) -> str:
    """The text of a file (with a line end) or of any node of one (without).

    ``indent`` is the number of levels at which a statement or item stands; its first line is not
    indented, those after it are.
    """
    if isinstance(node, syntax.File):
        return _file(node)
    if isinstance(node, syntax.Argument):
        return argument(node)
    if isinstance(node, syntax.Param):
        return parameter(node)
    if isinstance(node, syntax.Path):
        return str(node)
    if isinstance(node, _EXPRESSIONS):
        return expression(node)
    if isinstance(node, _DIRECTIVES):
        return directive(node)
    if isinstance(node, syntax.CheckpointEntry):
        return _entry(node)
    lines = statement(node, indent) if isinstance(node, syntax.Statement) else item(node)  # type: ignore[arg-type]
    if not isinstance(node, syntax.Statement):
        lines = [lines[0], *(INDENT * indent + line for line in lines[1:])]
    return "\n".join(lines)


def _file(node: syntax.File) -> str:
    lines: list[str] = []
    last: syntax.Item | None = None
    for each in node.items:
        together = (
            isinstance(last, _ONE_LINERS) and type(last) is type(each) and not _section(last) and not _section(each)
        )
        if last is not None and not together:
            lines.append("")
        lines.extend(item(each))
        last = each
    return "\n".join(lines) + "\n" if lines else ""


def _section(node: syntax.Item) -> bool:
    return isinstance(node, syntax.Grow) and not node.bare


def item(node: syntax.Item) -> list[str]:
    """The lines of an item of the top level."""
    if isinstance(node, syntax.Use):
        name = f" as {node.model}{arguments(node.args)}" if node.model else ""
        return [f"use {string(node.path)}{name}"]
    if isinstance(node, (syntax.Block, syntax.Model)):
        return _definition(node)
    if isinstance(node, syntax.Checkpoint):
        return _braces("checkpoint", [[_entry(entry)] for entry in node.entries])
    if node.bare:
        return [directive(each) for each in node.directives]
    head = f"grow {arguments(node.options)}" if node.options else "grow"
    return _braces(head, [[directive(each)] for each in node.directives])


def _definition(node: syntax.Block | syntax.Model) -> list[str]:
    head = f"{'model' if isinstance(node, syntax.Model) else 'block'} {node.name}"
    if isinstance(node, syntax.Model) and node.from_config:
        head += " from config"
    brackets = bool(node.params) or (isinstance(node, syntax.Model) and node.from_config)
    lines = _call(head, [parameter(p) for p in node.params], 0, brackets, tail=" {")
    lines[-1] = lines[-1].removesuffix(" {")
    lines[-1:] = _braces(lines[-1], [statement(each, 1) for each in node.body])
    return lines


def _braces(head: str, bodies: Sequence[list[str]], level: int = 0) -> list[str]:
    """``head { ... }`` with one body a line; the first line of each body is not yet indented."""
    if not bodies:
        return [f"{head} {{}}" if head else "{}"]
    inner = INDENT * (level + 1)
    lines = [f"{head} {{" if head else "{"]
    for body in bodies:
        lines.append(inner + body[0])
        lines.extend(body[1:])
    return [*lines, INDENT * level + "}"]


def _entry(node: syntax.CheckpointEntry) -> str:
    second = f" to {string(node.second)}" if node.second is not None else ""
    return f"{node.kind} {string(node.first)}{second}"


def statement(node: syntax.Statement, level: int) -> list[str]:
    """The lines of a statement at a level; the first is not indented, those after it are."""
    prefix = f"{node.key}: " if node.key is not None else f"let {node.let} = " if node.let is not None else ""
    return _value(prefix, node, level)


def _value(prefix: str, node: syntax.Statement, level: int) -> list[str]:
    if isinstance(node, syntax.Apply):
        tail = _sources(node.sources)
        return _call(prefix + node.op, [argument(a) for a in node.args], level, bool(node.args), tail)
    if isinstance(node, syntax.Reuse):
        return [f"{prefix}reuse {node.target}{_sources(node.sources)}"]
    if isinstance(node, syntax.Input):
        return [f"input {node.name}: {node.dtype}[{', '.join(map(expression, node.dims))}]"]
    if isinstance(node, syntax.Output):
        return [f"output {node.name}: {node.value}" if node.name else f"output {node.value}"]
    if isinstance(node, syntax.Group):
        return _body(prefix.rstrip(" "), node.body, level)
    if isinstance(node, syntax.Sequential):
        return _body(f"{prefix}sequential", node.body, level)
    if isinstance(node, syntax.Parallel):
        return _body(f"{prefix}parallel({node.mode})", node.branches, level)
    if isinstance(node, syntax.Residual):
        lines = _body(f"{prefix}residual", node.body, level)
        return lines if node.shortcut is None else _joined(lines, _body("shortcut", node.shortcut, level))
    if isinstance(node, syntax.Repeat):
        index = f" as {node.index}" if node.index else ""
        return _value(f"{prefix}repeat {expression(node.count)}{index} ", node.body, level)
    if isinstance(node, syntax.If):
        return _if(node, level)
    raise TypeError(f"{type(node).__name__} is not a statement of the language")


def _if(node: syntax.If, level: int) -> list[str]:
    lines = _body(f"if {expression(node.test)}", node.then, level)
    if node.otherwise is None:
        return lines
    if len(node.otherwise) == 1 and isinstance(node.otherwise[0], syntax.If):
        nested = _if(node.otherwise[0], level)
        return _joined(lines, [f"else {nested[0]}", *nested[1:]])
    return _joined(lines, _body("else", node.otherwise, level))


def _joined(first: list[str], second: list[str]) -> list[str]:
    """Two bodies after one another: the second begins on the line of the first's closing brace."""
    return [*first[:-1], f"{first[-1]} {second[0]}", *second[1:]]


def _body(head: str, body: Sequence[syntax.Stmt], level: int) -> list[str]:
    """``head { ... }``, on one line when it is one simple statement and fits."""
    lines = [statement(each, level + 1) for each in body]
    if len(body) == 1 and isinstance(body[0], (syntax.Apply, syntax.Reuse)) and len(lines[0]) == 1:
        text = f"{head} {{ {lines[0][0]} }}" if head else f"{{ {lines[0][0]} }}"
        if len(INDENT * level + text) <= WIDTH:
            return [text]
    return _braces(head, lines, level)


def _sources(names: Iterable[str] | None) -> str:
    return "" if names is None else f" from {', '.join(names)}"


def _call(head: str, parts: Sequence[str], level: int, brackets: bool, tail: str = "") -> list[str]:
    """``head(parts)tail``, filled over several lines where it does not fit in one."""
    text = f"{head}({', '.join(parts)}){tail}" if brackets else head + tail
    if len(INDENT * level + text) <= WIDTH or not parts:
        return [text]
    inner = INDENT * (level + 2)
    lines = [f"{head}("]
    line = ""
    for number, part in enumerate(parts):
        piece = part + ("," if number < len(parts) - 1 else f"){tail}")
        if line and len(inner + line + " " + piece) > WIDTH:
            lines.append(inner + line)
            line = ""
        line = f"{line} {piece}" if line else piece
    return [*lines, inner + line]
