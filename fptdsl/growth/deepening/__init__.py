"""Methods of deepening: each says what it inserts, what that starts from, and where it is legal.

One file per method; :data:`DEEPENING` has them by the words of ``using``.
"""

from __future__ import annotations

from ...language.directives import Method as Asked
from .base import Deepening
from .baselines import RandomInit, RandomPad
from .factor import Factor
from .net2net import Net2Net
from .netmorph import NetMorph
from .paired import Paired
from .r2r import R2R
from .zero import Zero

DEEPENING: dict[str, Deepening] = {
    m.using: m for m in (Net2Net(), Zero(), NetMorph(), Paired(), Factor(), R2R(), RandomPad(), RandomInit())
}


def asked_for(method: Asked | None) -> Deepening | None:
    """The method that a directive asks for, None for the automatic choice."""
    if method is None:
        return None
    words = method.name
    if method.name == "netmorph" and method.mapping.get("factor"):
        words = "netmorph(factor=true)"
    elif method.name == "netmorph" and method.mapping.get("activation") == "paired":
        words = "netmorph(activation=paired)"
    return DEEPENING[words]


def automatic(zeroed: bool) -> Deepening:
    """``net2net`` for layers, ``zero`` for blocks: neither adds a kind of thing that was not there."""
    return DEEPENING["zero" if zeroed else "net2net"]


__all__ = ["DEEPENING", "Deepening", "asked_for", "automatic"]
