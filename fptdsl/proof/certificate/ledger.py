"""What has been checked so far: one entry a tensor, and the findings in the order of the network."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from types import TracebackType

from ...cores import cores
from .report import Report
from .result import Finding

MOST = 4
"""Tensors that are checked at once: of each some rows are held."""


@dataclass
class Entry:
    checks: set[str] = field(default_factory=set)
    deviation: float = 0.0


@dataclass
class Ledger:
    """In a ``with`` block other threads may work out reports; all are there when it ends."""

    tensors: dict[str, Entry] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _later: list[tuple[int, str, Future[Report]]] = field(default_factory=list)
    """Of reports to come: how many findings stand before theirs, and the tensor."""
    _pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Ledger:
        self._pool = ThreadPoolExecutor(min(MOST, cores()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pool is not None
        try:
            if error is None:
                self._settle()
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

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

    def record_later(self, tensor: str, checks: str | tuple[str, ...], check: Callable[[], Report]) -> None:
        """As :meth:`record`, for a report that nothing waits for; its findings stand where they would have stood.

        What ``check`` raises is raised at the end of the block.
        """
        if self._pool is None:
            self.record(tensor, checks, check())
            return
        self.record(tensor, checks)
        self._later.append((len(self.findings), tensor, self._pool.submit(copy_context().run, check)))

    def find(self, place: str, check: str, message: str, deviation: float | None = None) -> None:
        """Add a finding; a layer that is used twice gives it once."""
        self._add(Finding(place, check, message, deviation))

    def _add(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)

    def _settle(self) -> None:
        """Wait for all reports, and put their findings in their places."""
        known, self.findings = self.findings, []
        done = 0
        for place, tensor, report in self._later:
            for finding in known[done:place]:
                self._add(finding)
            done = place
            self.record(tensor, (), report.result())
        for finding in known[done:]:
            self._add(finding)
        self._later.clear()
