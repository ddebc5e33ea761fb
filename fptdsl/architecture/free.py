"""Free sizes: axes that a spec leaves open (``int[seq]``).

A free size is an integer with a name.  Its value is a sample: a prime of its own, so that shapes are
checked and two different free sizes never pass for one another.  Arithmetic keeps the name, so that
what is computed from a free size is known to be free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SAMPLES = (17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101)


class FreeSize(int):
    """An integer that stands for the size called ``text``, which depends on the free sizes called ``names``."""

    text: str
    names: frozenset[str]

    def __new__(cls, value: int, text: str, names: frozenset[str] | None = None) -> FreeSize:
        free = super().__new__(cls, value)
        free.text = text
        free.names = frozenset({text}) if names is None else names
        return free

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        return FreeSize, (int(self), self.text, self.names)

    def __format__(self, spec: str) -> str:
        return format(self.text, spec)

    def __add__(self, other: int) -> FreeSize:
        return self if other == 0 else FreeSize(int(self) + int(other), f"{self.text} + {other}", self._and(other))

    def __radd__(self, other: int) -> FreeSize:
        return self if other == 0 else FreeSize(int(other) + int(self), f"{other} + {self.text}", self._and(other))

    def __sub__(self, other: int) -> FreeSize:
        return self if other == 0 else FreeSize(int(self) - int(other), f"{self.text} - {other}", self._and(other))

    def __mul__(self, other: float) -> FreeSize:
        return self if other == 1 else FreeSize(int(int(self) * other), f"({self.text}) * {other}", self._and(other))

    def __rmul__(self, other: float) -> FreeSize:
        return self if other == 1 else FreeSize(int(other * int(self)), f"{other} * ({self.text})", self._and(other))

    def __floor__(self) -> FreeSize:
        return self

    def __floordiv__(self, other: int) -> FreeSize:
        return self if other == 1 else FreeSize(int(self) // int(other), f"({self.text}) // {other}", self._and(other))

    def _and(self, other: float) -> frozenset[str]:
        return self.names | other.names if isinstance(other, FreeSize) else self.names


class FreeSizes:
    """The free sizes of one model, by name; ``given`` are the samples of some."""

    def __init__(self, given: Mapping[str, int] | None = None) -> None:
        self._sizes = {name: FreeSize(sample, name) for name, sample in (given or {}).items()}

    def __getitem__(self, name: str) -> FreeSize:
        if name not in self._sizes:
            number = len(self._sizes)
            # Past the table any odd number does: sizes only need to differ.
            sample = _SAMPLES[number] if number < len(_SAMPLES) else 101 + 2 * number
            self._sizes[name] = FreeSize(sample, name)
        return self._sizes[name]
