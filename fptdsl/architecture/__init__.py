"""Architecture: from a spec's syntax tree to the elaborated network and its graph with axis terms."""

from __future__ import annotations

from .elaborate import elaborate
from .graph import Graph
from .lower import lower
from .tree import Network

__all__ = ["Graph", "Network", "elaborate", "lower"]
