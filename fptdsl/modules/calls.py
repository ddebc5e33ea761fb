"""What writes one call of a function into the generated code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import fx

Inputs = Sequence[fx.Node]
Apply = Callable[[fx.Node], fx.Node]
"""Writes the call of the layer on a value."""


class Call(Protocol):
    """Writes the call of a function, or of the method of that name of the first argument."""

    def __call__(self, function: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> fx.Node: ...
