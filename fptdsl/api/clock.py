"""The time of each phase of a growth, for the receipt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


class Clock:
    """Sums seconds by phase (wall clock)."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        started = monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + monotonic() - started

    def rounded(self) -> dict[str, float]:
        return {phase: round(value, 4) for phase, value in self.seconds.items()}
