"""Whether a text, read again from the start, is the grown network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...architecture import elaborate
from ...architecture.digest import same
from ...architecture.tree import Network
from ...diagnostics import FptError
from ...language import parse, syntax
from ...language.document import Document


def difference(text: str, grown: Network, config: Mapping[str, Any] | None = None) -> str | None:
    """None when ``text`` (with ``config``) elaborates to the grown network, else the first difference in words."""
    try:
        return same(elaborate(standalone(parse(text, "grown.fpt")), config=config), grown)
    except FptError as fault:
        return str(fault)


def standalone(file: syntax.File) -> Document:
    """A file that uses no other as a document."""
    blocks = {item.name: item for item in file.items if isinstance(item, syntax.Block)}
    model = next((item for item in file.items if isinstance(item, syntax.Model)), None)
    checkpoint = next((item for item in file.items if isinstance(item, syntax.Checkpoint)), None)
    return Document(None, file, blocks, model, (), checkpoint, (), ())
