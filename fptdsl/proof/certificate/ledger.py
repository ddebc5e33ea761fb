"""What has been checked so far: one entry a tensor, and the findings in the order of the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from .report import Report
from .result import Finding


@dataclass
class Entry:
    checks: set[str] = field(default_factory=set)
    deviation: float = 0.0


@dataclass
class Ledger:
    tensors: dict[str, Entry] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def record(self, tensor: str, checks: str | tuple[str, ...], report: Report | None = None) -> bool:
        """Note that a tensor was checked; True where nothing was found."""
        entry = self.tensors.setdefault(tensor, Entry())
        entry.checks.update((checks,) if isinstance(checks, str) else checks)
        if report is None:
            return True
        entry.deviation = max(entry.deviation, report.deviation)
        for fault in report.faults.values():
            self.find(tensor, fault.check, fault.message, fault.deviation)
        return not report.faults

    def find(self, place: str, check: str, message: str, deviation: float | None = None) -> None:
        """Add a finding; a layer that is used twice gives it once."""
        finding = Finding(place, check, message, deviation)
        if finding not in self.findings:
            self.findings.append(finding)
