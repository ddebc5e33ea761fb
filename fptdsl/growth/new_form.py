"""An old layer in another form: what ``enlarge``, ``branch`` and factorisation each make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..architecture.tree import Layer
from .plan import Exactness
from .recipe import Start
from .requests import Request


@dataclass(frozen=True, eq=False)
class Edit:
    """One layer (or skip) in another form.  ``start`` gives the start of a tensor by layer, suffix and shape."""

    request: Request
    target: str
    layers: tuple[Layer, ...]
    start: Callable[[int, str, tuple[int, ...]], Start]
    summary: str
    why: str
    exactness: Exactness = "exact"
    advice: tuple[str, ...] = ()
    method: str = "netmorph"
    replaces: tuple[str, ...] = ()
    """The old layers that ``layers`` stand for, by name; empty: ``target``."""
