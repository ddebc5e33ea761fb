"""What else a checkpoint holds that fits the old network only, and stays as it is when the network grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .checkpoint import Checkpoint
from .state import MAX_DEPTH, NAMES

LISTED = 8


def left_behind(source: Checkpoint, parameters: Mapping[str, object]) -> list[str]:
    """Warnings: copies of the state dict (a moving average, say), the states of optimizers, and arguments of the class.

    ``parameters`` are those of the spec with their values in the old network.
    """
    if source.loaded is None:
        return []
    taken = ".".join(source.state.place)
    mine = {key for key in source.state.tensors if isinstance(key, str)}
    found: list[str] = []
    for item, place in _dictionaries(source.loaded.root):
        name = ".".join(place)
        if item is source.state.tensors or not place:
            continue
        if "state" in item and "param_groups" in item:
            if item["state"]:
                found.append(f"`{name}` is the state of an optimizer for the old shapes: make a new one after growing")
        elif 2 * len(mine & item.keys()) > len(mine):
            found.append(_copy(name, taken, chosen=all(part in NAMES for part in place)))
        elif len(sizes := _sizes(item, parameters)) > 1:
            named = ", ".join(f"`{size}`" for size in sizes[:LISTED])
            found.append(f"`{name}` keeps the old {named}: give your class the new sizes, those of the grown spec")
    more = len(found) - LISTED
    return found if more <= 0 else [*found[:LISTED], f"and {more} more dictionaries keep their old shapes"]


def _sizes(item: Mapping[object, object], parameters: Mapping[str, object]) -> list[str]:
    """The parameters whose sizes a dictionary states."""
    counts = {name for name, value in parameters.items() if isinstance(value, int) and not isinstance(value, bool)}
    return [key for key, value in item.items() if isinstance(key, str) and key in counts and value == parameters[key]]


def _copy(name: str, taken: str, *, chosen: bool) -> str:
    """``chosen``: it might have been the state dict as well."""
    here = f"`{taken}`" if taken else "the outermost dictionary"
    if chosen:
        return f"both {here} and `{name}` are state dicts; {here} is grown, `{name}` keeps its old shapes (`select`)"
    return f"`{name}` has the keys of the network too and keeps its old shapes; only {here} is grown"


def _dictionaries(root: object) -> Iterator[tuple[dict[object, object], tuple[str, ...]]]:
    """Every dictionary down to a depth, and the keys that lead to it."""
    level: list[tuple[object, tuple[str, ...]]] = [(root, ())]
    for _ in range(MAX_DEPTH):
        below: list[tuple[object, tuple[str, ...]]] = []
        for item, place in level:
            if isinstance(item, dict):
                yield item, place
                below += [(value, (*place, key)) for key, value in item.items() if isinstance(key, str)]
        level = below
