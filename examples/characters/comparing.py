"""What a folder says before and after growth must be the same."""

from __future__ import annotations

import sys
from typing import Any

TOLERANCE = 1e-6
"""Of the loss, relative."""


def check(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Stop with what differs: keys of the file, the loss, the text."""
    faults = [*before["faults"], *after["faults"]]
    if faults:
        sys.exit(f"from_pretrained found: {', '.join(faults)}")
    if not abs(after["loss"] / before["loss"] - 1) <= TOLERANCE:
        sys.exit(f"the loss was {before['loss']:.9f} and is {after['loss']:.9f}")
    if after["text"] != before["text"]:
        sys.exit(f"the text was\n{before['text']}\nand is\n{after['text']}")
