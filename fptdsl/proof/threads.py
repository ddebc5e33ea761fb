"""Threads: whole calls side by side, each on one thread.

Threads inside of small operations wait for each other at the end of each, on a busy machine far longer
than they work (measured: thirty times).  Calls with different weights and rows have nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import torch

SMALL = 4 * 10**6
"""Multiply-accumulates below which handing a call to another thread costs more than it gains."""


class Workers:
    """As many threads as torch would use; inside the ``with`` block torch's own operations use one each."""

    def __init__(self) -> None:
        self._before = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Workers:
        self._before = torch.get_num_threads()
        if self._before > 1:
            torch.set_num_threads(1)
            self._pool = ThreadPoolExecutor(self._before, initializer=_alone)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            torch.set_num_threads(self._before)

    def all(self, tasks: Sequence[Callable[[], Any]], work: int) -> list[Any]:
        """The results in order; ``work`` is about how many multiply-accumulates the largest task is."""
        if self._pool is None or work < SMALL or len(tasks) < 2:
            return [task() for task in tasks]
        return [future.result() for future in [self._pool.submit(task) for task in tasks]]

    def ahead(self, tasks: Iterable[Callable[[], Any]]) -> Iterator[Any]:
        """The results in order, each worked out while the one before it is used; never two at a time."""
        if self._pool is None:
            yield from (task() for task in tasks)
            return
        coming: Future[Any] | None = None
        for task in tasks:
            ready = None if coming is None else coming.result()
            coming, first = self._pool.submit(task), coming is None
            if not first:
                yield ready
        if coming is not None:
            yield coming.result()


def _alone() -> None:
    """One thread per operation, and no gradients: both are settings of the current thread."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
