"""Pausing Python's cyclic garbage collector while a network is built.

Elaboration and lowering make many objects that all stay alive; looking for garbage among them again and
again takes as long as the work itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No cyclic collection inside; afterwards as before, also after an exception."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
