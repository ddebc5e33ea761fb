"""Whether two checkpoints are, byte for byte, those that a receipt is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .hashing import Hashing

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint


@dataclass(frozen=True)
class Recorded:
    """The digests of the two files, which are worked out, beside those in a receipt."""

    path: Path
    wanted: Mapping[str, str]
    found: Mapping[str, Future[str]]
    files: Mapping[str, Path]

    def to_json(self) -> dict[str, Any]:
        """The receipt's path, and for each file whether it is that of the receipt.

        Raises ``FptError`` F402 where a file cannot be read to its end.
        """
        return {"path": str(self.path), **self._same()}

    def warnings(self) -> list[str]:
        """What is not as the receipt says.  Raises as :meth:`to_json`."""
        words = {"old": "the checkpoint that was grown", "new": "what the growth published"}
        told = [f"`{self.files[which]}` is not {words[which]}" for which, same in self._same().items() if not same]
        return [f"{text}: another digest is in `{self.path}`" for text in told]

    def _same(self) -> dict[str, bool]:
        return {which: digest.result() == self.wanted[which] for which, digest in self.found.items()}


def start(hashing: Hashing, path: Path, before: Checkpoint, after: Checkpoint) -> Recorded | None:
    """Begin to work out what the receipt ``path`` is held against; None where there is no receipt."""
    try:
        checkpoints = json.loads(path.read_bytes())["checkpoints"]
        wanted = {which: checkpoints[which]["blake3"] for which in ("old", "new")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    after.known = before.known
    found = {"old": hashing.start(before, ()), "new": hashing.start(after, (), like=before)}
    return Recorded(path, wanted, found, {"old": before.path, "new": after.path})
