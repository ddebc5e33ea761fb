"""Ignored entries that have a size of the network that changes: they are carried over, and keep the old one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..diagnostics import Diagnostic
from .checkpoint import Checkpoint
from .storage import Entry


def keeps_size(source: Checkpoint, units: Collection[int], rows: Collection[int]) -> Iterator[Diagnostic]:
    """F447 for floating-point entries that are ignored and have an axis of an old size that grows.

    ``units`` are the old sizes of axes of units, ``rows`` those of tables (positions, words), both without 1.

    The sizes of an entry are all that is known of it.  One whose first axes are of size 1 is spread over something;
    a size that it has twice is that of positions seen from positions (a causal mask), never one of units.
    """
    found: dict[str, list[int]] = {}
    for key, shape in _floating(source):
        masks = len(shape) > 2 and shape[0] == 1
        sizes = [n for n in shape if n in rows or (n in units and not (masks and shape.count(n) > 1))]
        if sizes:
            found[key] = sizes
    if not found:
        return
    first, *more = found
    sizes = list(dict.fromkeys(n for numbers in found.values() for n in numbers))
    told = " and ".join(filter(None, [", ".join(map(str, sizes[:-1])), str(sizes[-1])]))
    others = f" and {len(more)} more" if more else ""
    keep = "keep their" if more else "keeps its"
    size, grows = ("sizes", "grow") if len(sizes) > 1 else ("size", "grows")
    message = (
        f"`{first}`{others} {keep} {size} {told}, which {grows} elsewhere: ignored entries are carried over as they are"
    )
    hint = "classes that read them will not load: describe them in the spec, or take them out of the grown file"
    yield Diagnostic("F447", message, None, hint, (), "warning", str(source.path))


def _floating(source: Checkpoint) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The ignored floating-point entries that have a shape, by their keys in the file."""
    for name in source.ignored:
        value = source.raw(name)
        if isinstance(value, Entry):
            if "float" in value.dtype:
                yield value.key, value.shape
        elif value.is_floating_point() and not value.is_nested:
            yield source.names[name].raw, tuple(value.shape)
