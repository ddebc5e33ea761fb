"""The digest of a spec with its directives: what a saved plan must still fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..architecture.digest import digest
from ..architecture.tree import Network
from ..language import syntax


def spec_digest(network: Network, grows: Sequence[syntax.Grow]) -> str:
    """SHA-256 over the elaborated network and the set of directives; their order does not count."""
    words = sorted(repr((grow.options, directive)) for grow in grows for directive in grow.directives)
    return hashlib.sha256("\n".join((digest(network), *words)).encode()).hexdigest()
