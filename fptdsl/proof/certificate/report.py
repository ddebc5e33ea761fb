"""What is found at one tensor: the largest deviation from the law, and the worst fault of each kind."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Fault:
    """The worst place of one kind."""

    check: str
    message: str
    deviation: float | None = None


@dataclass
class Report:
    """Of one tensor: the largest deviation, relative to the largest value there, and the faults."""

    deviation: float = 0.0
    faults: dict[str, Fault] = field(default_factory=dict)

    def add(self, check: str, message: str, deviation: float | None = None) -> None:
        """Keep the worst fault of each kind."""
        known = self.faults.get(check)
        if known is None or (deviation or 0.0) > (known.deviation or 0.0):
            self.faults[check] = Fault(check, message, deviation)

    def take(self, other: Report) -> None:
        """Add what another report found at the same tensor."""
        self.deviation = max(self.deviation, other.deviation)
        for fault in other.faults.values():
            self.add(fault.check, fault.message, fault.deviation)
