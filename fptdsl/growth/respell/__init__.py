"""The grown spec: the grown network as a text that reads like one a person wrote.

The user's definitions are edited, not printed anew: an argument changed, a count raised, a block given
a parameter, an ``if`` on a loop index.  Every candidate is parsed and elaborated again and must be the
grown network; where the prettiest is not, a plainer one is taken, down to every number written out.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...architecture.tree import Network
from ...diagnostics import Diagnostic, FptError
from ...language import syntax, unparse
from ...language.document import Document
from .check import difference
from .layout import laid_out, reads_as
from .plain import plain_items
from .pretty import pretty_file
from .slots import Unspellable

__all__ = ["respell"]


def respell(document: Document, old: Network, grown: Network) -> str:
    """A complete spec of ``grown``, which growth made from ``old``, the network of ``document``.

    It holds the model, the blocks and the ``checkpoint`` section, uses no other file, holds no growth, and
    elaborates to ``grown`` exactly.
    """
    found = "there is none"
    for text in _candidates(document, old, grown):
        wrong = difference(text, grown)
        if wrong is None:
            return text
        found = wrong
    message = f"the grown network cannot be written as a spec: {found}"
    raise FptError(Diagnostic("F350", message, hint="please report this, with the spec and the directives"))


def _candidates(document: Document, old: Network, grown: Network) -> Iterator[str]:
    """Texts of the grown network, the one that reads best first."""
    try:
        file = pretty_file(document, old, grown)
    except Unspellable:
        pass
    else:
        text = laid_out(document, file)
        if reads_as(text, file):
            yield text
        yield unparse(file)
    items = plain_items(grown)
    if document.checkpoint is not None:
        items = (*items, document.checkpoint)
    yield unparse(syntax.File(items))
