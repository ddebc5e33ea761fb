"""Being asked to end: ``SIGTERM`` and ``SIGHUP`` clean up as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Raised where the program is when the signal comes, so that every ``with`` statement puts things right."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)

    @property
    def status(self) -> int:
        """The exit status that shells know: 128 and the number of the signal."""
        return 128 + self.number


def _end(number: int, _: FrameType | None) -> None:
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)  # a second one must not interrupt the cleaning up
    raise Ended(number)


@contextmanager
def ending_is_raised() -> Iterator[None]:
    """Turn the signals into :class:`Ended`, except those that are ignored (``nohup``)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    mine = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])
