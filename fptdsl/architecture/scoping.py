"""Which names a statement may use: from where they are defined to the end of the enclosing braces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Binding:
    """What a name stands for: a value, and the module that gives it (for ``reuse``)."""

    value: int
    module: str | None = None


class Scoping:
    """The names inside one pair of braces; ``outer`` is None for a model or block, which is closed."""

    def __init__(self, outer: Scoping | None = None, input: int | None = None) -> None:
        self._outer = outer
        self._names: dict[str, Binding] = {}
        if input is not None:
            self._names["input"] = Binding(input)

    def define(self, name: str, binding: Binding) -> None:
        self._names[name] = binding

    def forget(self, name: str) -> None:
        self._names.pop(name, None)

    def find(self, name: str) -> Binding | None:
        scope: Scoping | None = self
        while scope is not None:
            binding = scope._names.get(name)
            if binding is not None:
                return binding
            scope = scope._outer
        return None

    def visible(self) -> Iterator[str]:
        """Every name that may be used here, the nearest first."""
        scope: Scoping | None = self
        while scope is not None:
            yield from scope._names
            scope = scope._outer
