"""The progress bar: only on a terminal, only for long work."""

from __future__ import annotations

import io
import sys
import time

import pytest

from fptdsl.cli import progress
from fptdsl.cli.progress import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error as a terminal (not a fixture: pytest puts its own stream back before the test)."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def test_silent_for_short_work(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with Bar() as bar:
        for done in range(100):
            bar("write", done, 100)
    assert stream.getvalue() == ""


def test_silent_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Bar() as bar:
        time.sleep(0.05)
        bar("write", 1, 2)
    assert stream.getvalue() == ""


def test_shown_for_long_work_and_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Bar() as bar:
        wait_for(bar)
        assert bar.progress is not None
        assert [task.description for task in bar.progress.tasks] == ["working"]
        bar("write", 1, 4)
        bar("verify", 3, 4)
        assert [(task.description, task.completed) for task in bar.progress.tasks] == [("write", 1), ("verify", 3)]
        assert sys.stderr is stream
    shown = stream.getvalue()
    assert "write" in shown
    assert shown.rstrip().endswith("\x1b[2K")
    assert "\x1b[?25h" in shown  # the cursor is back


def test_it_does_not_appear_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    bar = Bar()
    with bar:
        pass
    bar._appear()
    assert bar.progress is None
    assert stream.getvalue() == ""


def wait_for(bar: Bar) -> None:
    deadline = time.monotonic() + 10
    while bar.progress is None and time.monotonic() < deadline:
        time.sleep(0.01)
