"""The ``_metadata`` of a state dict: versions by module, carried over and extended.

``nn.Module.state_dict`` attaches a table from each module's name to its version; ``load_state_dict`` reads
from it how old a module's entries are (a batch norm before version 2 has no counter).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from .checkpoint import Checkpoint
from .layout import Slot, donor
from .new_keys import common

DEFAULT = {"version": 1}


def module_metadata(source: Checkpoint, old: Mapping[str, Any], slots: Sequence[Slot]) -> OrderedDict[str, Any]:
    """The table for the written state dict: modules renamed at their place, new ones beside their neighbours."""
    names = _renamed(old, slots)
    before = ""
    for slot in slots:
        if slot.tensor is None:
            continue
        module = _module(slot.raw)
        if slot.old is None and module not in names:
            at = _after(list(names), before, module)
            like = donor(source, slot.tensor.name)
            value = old.get(_module(source.names[like].raw), DEFAULT) if like is not None else DEFAULT
            names = _inserted(names, at, module, value)
        before = module
    return OrderedDict(names)


def _module(key: str) -> str:
    return key.rpartition(".")[0]


def _renamed(old: Mapping[str, Any], slots: Sequence[Slot]) -> dict[str, Any]:
    """The old table under the new names; a module without tensors goes with the one it is in."""
    pairs: dict[str, str] = {}
    for slot in slots:
        if slot.tensor is not None and slot.old is not None and slot.old != slot.raw:
            left, right = _module(slot.old).split("."), _module(slot.raw).split(".")
            while left and right and left[-1] == right[-1]:
                left.pop()
                right.pop()
            pairs[".".join(left)] = ".".join(right)
    names: dict[str, Any] = {}
    for name, value in old.items():
        parts = name.split(".")
        heads = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        head = next((h for h in heads if h in pairs), None)
        names[name if head is None else pairs[head] + name[len(head) :]] = value
    return names


def _after(names: Sequence[str], before: str, module: str) -> int:
    """The place behind the subtree that ``before`` is in, beside ``module``."""
    parts = before.split(".")
    head = ".".join(parts[: common(parts, module.split(".")) + 1])
    places = [i for i, name in enumerate(names) if name == head or name.startswith(head + ".")]
    return places[-1] + 1 if places else len(names)


def _inserted(names: Mapping[str, Any], at: int, module: str, value: Any) -> dict[str, Any]:
    """The table with ``module`` and those of its parents that are missing, at place ``at``."""
    parts = module.split(".")
    parents = [".".join(parts[:n]) for n in range(1, len(parts))]
    new = [(name, dict(DEFAULT)) for name in parents if name not in names]
    items = list(names.items())
    return dict([*items[:at], *new, (module, copy(value)), *items[at:]])
