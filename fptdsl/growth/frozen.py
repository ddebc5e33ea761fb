"""Why units cannot grow, and what to do instead, in words for the user.

An operation freezes a Space with a short reason (``docs/maths.md`` section 3); most are said as they are.
"""

from __future__ import annotations

from ..architecture.ops.rotary import REASON as ROTARY

WORDS = {
    "model output": "its units are the model's output",
    "graph output": "its units are the model's output",
    "model input": "its units are the model's input",
    "graph input": "its units are the model's input",
    "softmax": "a softmax runs over its units, and new ones would take probability from the old",
    "spatial": "its units are laid out as positions (height, width or length), and their number follows from the "
    "size of the input",
    "kernel": "its units are the positions of a kernel",
    ROTARY: f"{ROTARY}, and more units would turn those that are there at other speeds",
    "indexed": "its units are looked up by their number",
}

HINTS = {
    "model output": "growth keeps what the model computes; widen a layer before it",
    "spatial": "widen a layer whose units are channels, such as the hidden layer before it; another input size is "
    "another network",
    "kernel": "`enlarge PATH kernel_size to K` makes a kernel larger",
    ROTARY: "heads keep their size under rotary positions; `widen PATH heads to N` makes more of them",
}


def in_words(reason: str) -> str:
    """The reason of a frozen Space as a clause of a message."""
    return WORDS.get(reason, reason)


def way_out(reason: str) -> str | None:
    return HINTS.get("model output" if "output" in reason else reason)
