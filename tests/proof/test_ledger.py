"""Reports of a certificate that other threads work out."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from fptdsl.proof.certificate.ledger import Ledger
from fptdsl.proof.certificate.report import Report


def faulty(message: str, deviation: float = 0.5) -> Report:
    report = Report(deviation)
    report.add("C2", message, deviation)
    return report


def test_findings_stand_in_the_order_of_the_network() -> None:
    last_is_done = Event()

    def first() -> Report:
        assert last_is_done.wait(30)
        return faulty("first")

    def last() -> Report:
        last_is_done.set()
        return faulty("last", 0.25)

    ledger = Ledger()
    with ledger:
        ledger.find("before", "C5", "zeroth")
        ledger.record_later("a", "C1", first)
        ledger.find("between", "C5", "second")
        ledger.find("before", "C5", "zeroth")
        ledger.record_later("b", ("C1", "C2"), last)
        last_is_done.set()  # with one processor there is one thread, and the first comes first
    assert [finding.message for finding in ledger.findings] == ["zeroth", "first", "second", "last"]
    assert {name: (entry.checks, entry.deviation) for name, entry in ledger.tensors.items()} == {
        "a": ({"C1"}, 0.5),
        "b": ({"C1", "C2"}, 0.25),
    }


def test_what_goes_wrong_in_a_thread_is_raised() -> None:
    def failing() -> Report:
        raise OSError("the disk is gone")

    def recorded(ledger: Ledger) -> None:
        with ledger:
            ledger.record_later("a", "C1", failing)

    with pytest.raises(OSError, match="the disk is gone"):
        recorded(Ledger())


def test_an_early_end_gives_the_rest_up() -> None:
    done: list[int] = []

    def slow() -> Report:
        Event().wait(0.05)
        done.append(1)
        return Report()

    def interrupted(ledger: Ledger) -> None:
        with ledger:
            for _ in range(50):
                ledger.record_later("a", "C1", slow)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(Ledger())
    assert len(done) < 50


def test_settings_of_numpy_hold_in_threads() -> None:
    """Infinity in old weights is told by another check, without warnings of numpy."""

    def overflowing() -> Report:
        return Report(float(np.subtract(np.inf, np.array([np.inf]))[0]))

    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError), Ledger() as ledger:
        ledger.record_later("a", "C1", overflowing)
