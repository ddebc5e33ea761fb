"""Lists in a ``config.json`` with one entry per layer (``layer_types``), which grow with the depth.

A spec does not ask for them, so that they are known by their names and lengths only.  A new layer gets the entry of
the layer that it is modelled on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...architecture.tree import Network, Scope, Tree, walk
from ...diagnostics import Diagnostic, FptError

PER_LAYER = re.compile(r"(^|_)(layers?|blocks?)(_|$)")
"""In the name of a list that is about layers."""


@dataclass(frozen=True)
class Lists:
    """``values`` are the lists that grow, by name; ``warnings`` are sentences about others."""

    values: Mapping[str, list[Any]]
    warnings: tuple[str, ...]


def grown_lists(config: Mapping[str, Any], old: Network, grown: Network, *, path: str) -> Lists:
    """The new value of every list in ``config`` with one entry per layer.

    Raises ``FptError`` F352 where a list may as well mean something else: it holds numbers of layers, or several
    repeats with as many elements grow differently.
    """
    origins = _origins(old, grown)
    values: dict[str, list[Any]] = {}
    warnings: list[str] = []
    for name, field in config.items():
        if not isinstance(field, list) or not field:
            continue
        mine = [origin for count, origin in origins if count == len(field)]
        if not any(list(origin) != list(range(len(field))) for origin in mine):
            if PER_LAYER.search(name) and _renumbered(origins) and all(type(item) is int for item in field):
                warnings.append(f"`{name}` in `{path}` is left as it is: {_shown(field)}")
            continue
        if PER_LAYER.search(name):
            values[name] = _extended(name, field, mine, path)
        else:
            warnings.append(f"`{name}` in `{path}` has as many entries as there were layers, and is left as it is")
    return Lists(values, tuple(warnings))


def grown_parameters(values: Mapping[str, Any], old: Network, grown: Network) -> dict[str, tuple[Any, ...]]:
    """The new values of parameters of a spec that are lists with one entry per layer, where there is no doubt."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, value in values.items():
        if isinstance(value, tuple):
            with suppress(FptError):  # A list in doubt stays; what is written with it is checked.
                found.update(
                    (n, tuple(v)) for n, v in grown_lists({name: list(value)}, old, grown, path="").values.items()
                )
    return found


def _extended(name: str, field: list[Any], origins: Sequence[Sequence[int | None]], path: str) -> list[Any]:
    """The list with an entry for each new layer."""
    if set(map(repr, field)) <= set(map(repr, range(len(field)))) and len(set(map(repr, field))) == len(field):
        raise _ambiguous(name, path, f"{_shown(field)} may be numbers of layers as well as one entry for each")
    found: list[list[Any]] = []
    for origin in origins:
        if None in origin and len(set(map(repr, field))) > 1:
            raise _ambiguous(name, path, "what a new layer is modelled on is not known")
        new = [field[place or 0] for place in origin]
        if new not in found:
            found.append(new)
    if len(found) > 1:
        raise _ambiguous(name, path, "several repeats had as many elements, and they grow differently")
    return found[0]


def _ambiguous(name: str, path: str, reason: str) -> FptError:
    message = f"the list `{name}` in `{path}` cannot be extended for the new layers: {reason}"
    hint = "remove it from a copy of the folder where the model does without, or write it there as it is to be"
    return FptError(Diagnostic("F352", message, hint=hint, path=path))


def _origins(old: Network, grown: Network) -> list[tuple[int, tuple[int | None, ...]]]:
    """For each ``repeat``: its old count, and the old element that each element now is or is modelled on."""
    before = {node.old: node for _, node in walk(old) if isinstance(node, Scope) and node.kind == "repeat"}
    found = []
    for _, node in walk(grown):
        scope = before.get(node.old) if isinstance(node, Scope) and node.old is not None else None
        if scope is not None and isinstance(node, Scope):
            place = {child.old: at for at, child in enumerate(scope.children)}
            found.append((len(scope.children), tuple(_origin(child, place) for child in node.children)))
    return found


def _origin(child: Tree, place: Mapping[str | None, int]) -> int | None:
    name = child.old if child.old is not None else child.like
    return place.get(name) if name is not None else None


def _renumbered(origins: Sequence[tuple[int, Sequence[int | None]]]) -> bool:
    """Whether some old layer has another number now."""
    return any(list(origin[:count]) != list(range(count)) for count, origin in origins)


def _shown(field: list[Any]) -> str:
    return str(field) if len(field) <= 8 else f"[{', '.join(map(str, field[:8]))}, ...]"
