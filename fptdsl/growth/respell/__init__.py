"""The grown spec: the grown network as a text that reads like one a person wrote.

The user's definitions are edited, not printed anew: an argument changed, a count raised, a block given
a parameter, an ``if`` on a loop index.  Every candidate is parsed and elaborated again and must be the
grown network; where the prettiest is not, a plainer one is taken, down to every number written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...architecture import elaborate
from ...architecture.tree import Network
from ...diagnostics import Diagnostic, FptError
from ...language import syntax, unparse
from ...language.document import Document
from .check import difference
from .layout import laid_out, reads_as
from .plain import plain_items
from .pretty import file_with, model_values, pretty_file
from .slots import Unspellable

__all__ = ["model_values", "respell"]


def respell(document: Document, old: Network, grown: Network, config: Mapping[str, Any] | None = None) -> str:
    """A complete spec of ``grown``, which growth made from ``old``, the network of ``document``.

    It holds the model, the blocks and the ``checkpoint`` section, uses no other file, holds no growth, and
    elaborates to ``grown`` exactly.  ``config`` are the fields of the ``config.json`` that lies beside it, if one
    does: a model that reads it goes on doing so where that gives ``grown`` too.
    """
    found = "there is none"
    for text in _candidates(document, old, grown, config):
        wrong = difference(text, grown) or (difference(text, grown, config) if config else None)
        if wrong is None:
            return _with_line_ends_of(document, text)
        found = wrong
    message = f"the grown network cannot be written as a spec: {found}"
    raise FptError(Diagnostic("F350", message, hint="please report this, with the spec and the directives"))


def _candidates(document: Document, old: Network, grown: Network, config: Mapping[str, Any] | None) -> Iterator[str]:
    """Texts of the grown network, the one that reads best first."""
    for each in _pretty(document, old, grown, config):
        text = laid_out(document, each)
        if reads_as(text, each):
            yield text
        yield unparse(each)
    items = plain_items(grown)
    if document.checkpoint is not None:
        items = (*items, document.checkpoint)
    yield unparse(syntax.File(items))


def _pretty(
    document: Document, old: Network, grown: Network, config: Mapping[str, Any] | None
) -> Iterator[syntax.File]:
    """Edits of the user's definitions: none but new defaults, where these with the configuration are ``grown``."""
    if config is not None:
        with suppress(FptError):  # the spec and the configuration do not fit together: then the tree says what to edit
            yield file_with(document, elaborate(replace(document, model_args=()), config=config).frame.values)
    with suppress(Unspellable):
        file = pretty_file(document, old, grown)
        if config is not None:
            yield file
        yield _with_numbers(file)


def _with_line_ends_of(document: Document, text: str) -> str:
    """The text with the line ends that most lines of the user's spec have; in inserted lines they are ``\\n``."""
    own = document.file.span.source.text if document.file.span is not None else ""
    text = text.replace("\r\n", "\n")
    return text.replace("\n", "\r\n") if 2 * own.count("\r\n") > own.count("\n") else text


def _with_numbers(file: syntax.File) -> syntax.File:
    """The file with a model that looks nothing up in a ``config.json``."""
    return syntax.File(
        tuple(replace(item, from_config=False) if isinstance(item, syntax.Model) else item for item in file.items)
    )
