"""The compiled grammar.  Import this late: it imports lark (0.05 s) and compiles the grammar (0.07 s)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lark import Lark, Token
from lark.lark import PostLex

from ..resources import grammar_text
from .growth import Builder


class DropInnerNewlines(PostLex):
    """Drops line ends inside ``()`` and ``[]``.

    It never looks ahead: the contextual lexer reads a token only after the parser has taken the last.
    """

    always_accept = ("_NEWLINE",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        for token in stream:
            if token.type in ("LPAR", "LSQB"):
                depth += 1
            elif token.type in ("RPAR", "RSQB"):
                depth -= 1
            elif token.type in ("LBRACE", "RBRACE"):
                depth = 0
            if depth == 0 or token.type != "_NEWLINE":
                yield token


@lru_cache(maxsize=1)
def compiled() -> tuple[Lark, Builder]:
    """The parser and the builder that it calls; not for two threads at a time."""
    builder = Builder()
    lark = Lark(
        grammar_text(),
        parser="lalr",
        lexer="contextual",
        start="file",
        maybe_placeholders=True,
        postlex=DropInnerNewlines(),
        transformer=builder,
    )
    return lark, builder
