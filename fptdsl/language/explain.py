"""What is wrong at the place where the parser stopped, in the user's terms."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from ..diagnostics import did_you_mean
from .statement_map import Statement

DIRECTIVES = ("widen", "deepen", "enlarge", "branch", "require")
SECTIONS = ("use", "block", "model", "checkpoint", "grow")
ENTRIES = ("select", "strip", "rename", "alias", "ignore")
_COMPOSITES = ("residual", "sequential", "parallel", "repeat", "reuse", "input", "output", "let", "if")

_PHRASES = {
    "NAME": "a name",
    "DOTTED": "the name of a layer",
    "KEY": "a key",
    "NUMBER": "a number",
    "COUNT": "a number",
    "STRING": "a string in quotes",
    "PATH": "a path",
    "_NEWLINE": "a line end",
    "COMPARE": "a comparison",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
}
_VALUE = {"NUMBER", "STRING", "TRUE", "FALSE", "NONE", "NAME", "NOT", "LSQB", "LPAR", "PLUS", "MINUS"}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "PERCENT", "COMPARE", "AND", "OR", "IF"}
_STATEMENT = {"KEY", "NAME", "LBRACE", *(word.upper() for word in _COMPOSITES)}
_HIDDEN = {"$END", "CONTINUATION", "COMMENT", "BLANK"}
_FOREIGN = {
    "!": "write `not`, or `!=` to compare",
    "&": "write `and`",
    "|": "write `or`",
    "^": "there is no power operator",
    "@": "there are no decorators",
    "$": "parameters are written by their name alone",
    "`": 'strings are quoted with "',
    "→": "write one statement a line",
}


@dataclass(frozen=True)
class Explanation:
    code: str
    message: str
    start: int
    end: int
    hint: str | None = None


@dataclass(frozen=True)
class Stop:
    """Where the parser stopped.

    ``offset`` is the place of what it could not take, ``accepts`` the terminals that it could have,
    ``statement`` what surrounds it.
    """

    text: str
    offset: int
    accepts: Set[str]
    statement: Statement

    @property
    def found(self) -> str:
        """The word or sign at the place; empty at the end of a line, body or file."""
        match = re.compile(r"[^\W\d]\w*|\d[\w.]*|\"[^\"\n]*\"|'[^'\n]*'|==|!=|<=|>=|//|\*\*|->|[^\s]").match(
            self.text, self.offset
        )
        found = match[0] if match else ""
        return "" if found in (";", "}", "#") or (self.offset >= self.statement.end and found != "{") else found

    @property
    def end(self) -> int:
        return self.offset + max(len(self.found), 1)

    @property
    def before(self) -> str:
        """The statement up to the place."""
        return self.text[self.statement.start : self.offset]

    @property
    def words(self) -> list[str]:
        return re.findall(r"[^\W\d]\w*", self.before)

    @property
    def after(self) -> str:
        """`` after `to```: the word or sign before the place."""
        match = re.search(r"(\w+|[^\w\s]+)\s*$", self.before)
        return f" after `{match[1]}`" if match else ""

    def says(self, code: str, message: str, hint: str | None = None) -> Explanation:
        return Explanation(code, message, self.offset, self.end, hint)


def explain(stop: Stop) -> Explanation:
    """The first of the rules below that knows the fault."""
    for rule in (_foreign, _misplaced, _unknown_word, _equal_or_colon, _comma, _directive, _separate, _too_early):
        explanation = rule(stop)
        if explanation is not None:
            return explanation
    message = f"expected {expected(stop.accepts)}{stop.after}, found `{stop.found}`"
    return stop.says("F101", message, _near_keyword(stop))


def expected(accepts: Set[str]) -> str:
    """``a name, `to` or `by```."""
    rest = set(accepts) - _HIDDEN
    phrases: list[str] = []
    if {"NUMBER", "STRING"} <= rest:
        phrases.append("a value")
        rest -= _VALUE
    if {"LET", "INPUT", "OUTPUT"} <= rest:
        phrases.append("a statement")
        rest -= _STATEMENT
    elif {"RESIDUAL", "PARALLEL"} <= rest:
        phrases.append("a layer or a composite")
        rest -= _STATEMENT
    if rest - _OPERATORS:
        rest -= _OPERATORS
    if "_NEWLINE" in rest and len(rest) > 1:
        rest -= {"RBRACE"}
    for terminal in sorted(rest, key=lambda name: (name == "_NEWLINE", name in _PHRASES, name)):
        phrases.append(_PHRASES.get(terminal, f"`{terminal.lower()}`"))
    phrases = list(dict.fromkeys(phrases))
    if len(phrases) > 1:
        return ", ".join(phrases[:-1]) + " or " + phrases[-1]
    return phrases[0] if phrases else "nothing more"


def _foreign(stop: Stop) -> Explanation | None:
    if stop.text[stop.offset - 1 : stop.offset + 1] == "**":
        hint = "write the product, or `**` as a segment of a path"
        return Explanation("F101", "`**` is not an operator", stop.offset - 1, stop.offset + 1, hint)
    if stop.found == "->":
        return stop.says("F101", "`->` means nothing here", "write one statement a line, and `from` for another value")
    if stop.found.isdigit() and not stop.before.strip() and stop.statement.context == "body":
        hint = "a key begins with a letter; `sequential` and `repeat` number their children themselves"
        return stop.says("F101", f"a statement cannot begin with the number `{stop.found}`", hint)
    if stop.found[:1] in _FOREIGN and len(stop.found) == 1:
        return stop.says("F101", f"`{stop.found}` means nothing here", _FOREIGN[stop.found])
    return None


def _misplaced(stop: Stop) -> Explanation | None:
    """Words of the language at a place where they cannot stand."""
    words = stop.words or [stop.found]
    first, context = words[0], stop.statement.context
    begin = stop.statement.start + len(stop.before) - len(stop.before.lstrip())
    at = begin if stop.words else stop.offset

    def says(code: str, message: str, hint: str) -> Explanation:
        return Explanation(code, message, at, at + len(first), hint)

    named = stop.before.strip() == first or not stop.words or stop.before.split()[0] == first
    if not named or not first:
        return None
    if context == "body" and first in DIRECTIVES:
        return says(
            "F101", f"`{first}` does not belong inside a model or block", "put it in `grow { }`, or at the top level"
        )
    if context == "body" and first in SECTIONS:
        return says("F101", f"`{first}` stands at the top level, not inside a body", "is a `}` missing before it?")
    if context == "body" and first in ("else", "shortcut"):
        partner = "if" if first == "else" else "residual"
        return says(
            "F101", f"there is no `{partner}` that this `{first}` belongs to", f"it follows the `}}` of `{partner}`"
        )
    if context in ("grow", "checkpoint") and first in SECTIONS:
        return says("F101", f"`{first}` stands at the top level, not inside `{context}`", "is a `}` missing before it?")
    if context == "top" and first in ENTRIES:
        return says("F101", f"`{first}` stands inside `checkpoint {{ }}`", f"write `checkpoint {{ {first} ... }}`")
    return None


def _unknown_word(stop: Stop) -> Explanation | None:
    """The first word of an item, a directive or an entry is none of those that may stand there."""
    context = stop.statement.context
    if context == "body" or stop.before.strip():
        return None
    known = {"top": (*SECTIONS, *DIRECTIVES), "grow": DIRECTIVES, "checkpoint": ENTRIES}.get(context)
    if known is None or not stop.found:
        return None
    what = {"top": "a section or directive", "grow": "a directive", "checkpoint": "an entry of a checkpoint section"}[
        context
    ]
    rest = stop.text[stop.end : stop.statement.end].lstrip()
    hint = did_you_mean(stop.found, known)
    if hint is None and context == "top" and (rest[:1] in (":", "(") or stop.found in _COMPOSITES):
        hint = "layers stand inside `model NAME { }` or `block NAME { }`"
    words = ", ".join(f"`{word}`" for word in known)
    return stop.says("F106", f"`{stop.found}` is not {what}", hint or f"expected one of {words}")


def _equal_or_colon(stop: Stop) -> Explanation | None:
    if stop.found == "=" and re.fullmatch(r"\s*[A-Za-z_]\w*\s*", stop.before):
        key = stop.before.strip()
        return stop.says("F101", "a key is followed by `:`, not by `=`", f"write `{key}: ...`, or `let {key} = ...`")
    if stop.found == ":" and "EQUAL" in stop.accepts:
        return stop.says("F101", "expected `=`, found `:`", "arguments and `let` are written with `=`, keys with `:`")
    if stop.found == "=" and "COLON" in stop.accepts:
        return stop.says("F101", "expected `:`, found `=`")
    if stop.found == "=" and "COMPARE" in stop.accepts and not {"RPAR", "COMMA"} & set(stop.accepts):
        return stop.says("F101", "a comparison is written `==`", "`=` only gives an argument its value")
    return None


def _comma(stop: Stop) -> Explanation | None:
    if stop.found == "," and "RPAR" in stop.accepts and "COMMA" not in stop.accepts:
        return stop.says("F101", f"expected `)`{stop.after}, found `,`", "several values are a list: `[3, 1]`")
    begins = re.match(r"[\w\"'(\[]", stop.found)
    if "COMMA" in stop.accepts and {"RPAR", "RSQB"} & set(stop.accepts) and begins:
        return stop.says("F101", f"a comma is missing before `{stop.found}`", _near_keyword(stop))
    return None


def _directive(stop: Stop) -> Explanation | None:
    """A missing ``to``, ``by``, path or number in a directive."""
    words = stop.before.split()
    if not words or words[0] not in DIRECTIVES:
        return None
    found, accepts = stop.found, set(stop.accepts)
    number = bool(re.match(r"[-+]?\d|\.\d", found + stop.text[stop.offset + 1 : stop.offset + 2]))
    if "PATH" in accepts:
        what = "ends before its path" if not found else f"needs a path, found `{found}`"
        return stop.says("F116", f"`{words[0]}` {what}", "name a layer, a block, a stage, or `*` for the whole model")
    if words[1:] in (["to"], ["by"], ["into"]):
        hint = "name a layer, a block, a stage, or `*` for the whole model"
        begin = stop.offset - len(stop.before) + stop.before.rindex(words[1])
        return Explanation("F116", f"the path is missing before `{words[1]}`", begin, begin + len(words[1]), hint)
    if words[0] == "deepen" and found == "to":
        return stop.says("F101", "`deepen` is written with `by`", "`by 2` makes two more than there are")
    keywords = [word for word in ("to", "by", "into") if word.upper() in accepts]
    if keywords and number:
        missing = " or ".join(f"`{word}`" for word in keywords)
        return stop.says("F101", f"{missing} is missing before `{found}`")
    if "COUNT" in accepts and found:
        hint = "a number has a digit before the point" if found == "." else "numbers of directives are written out"
        return stop.says("F101", f"expected a number, found `{found}`", _near_keyword(stop) or hint)
    return None


def _separate(stop: Stop) -> Explanation | None:
    """Two statements on one line."""
    if "_NEWLINE" not in stop.accepts or not stop.found:
        return None
    near = _near_keyword(stop)
    if near is not None:
        return stop.says("F101", f"`{stop.found}` cannot follow here", near)
    if re.match(r"[A-Za-z_]", stop.found) and (stop.before.strip() or stop.statement.left == "}"):
        return stop.says(
            "F101", f"a line end is missing before `{stop.found}`", "statements end at the line, or with `;`"
        )
    return None


def _too_early(stop: Stop) -> Explanation | None:
    if stop.found:
        return None
    last = len(stop.before.rstrip())
    begin = stop.statement.start + len(stop.before) - len(stop.before.lstrip())
    end = stop.statement.start + last
    message = f"the statement ends too early: expected {expected(stop.accepts)}{stop.after}"
    return Explanation(
        "F116", message, min(begin, end - 1) if last else stop.offset, max(end, stop.offset if not last else 0)
    )


def _near_keyword(stop: Stop) -> str | None:
    """A word that is nearly one that may stand here."""
    if not re.fullmatch(r"[A-Za-z_]\w*", stop.found):
        return None
    keywords = [name.lower() for name in stop.accepts if name not in _PHRASES and name not in _HIDDEN]
    return did_you_mean(stop.found, keywords)
