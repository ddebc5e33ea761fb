"""How many threads an operation uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 2 * 10**7
"""Multiply-accumulates below which one thread is used: about a millisecond.  On a busy machine the
threads of a small operation wait for each other far longer than they work."""


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """One thread for little work, torch's number for more; afterwards as before."""
    before = torch.get_num_threads()
    if work >= SMALL or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
