"""New values for the fields of a ``config.json``, so that a family's spec is the grown network with them.

The candidates come from the places where the spec uses its parameters, as for the grown spec (``respell``); then the
spec is elaborated with them and must be the grown network.  Growth for which there are no such values is refused.
A list with an entry per layer that was derived so far is told where deriving it again would give another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ...architecture.digest import same
from ...architecture.elaborate import elaborate
from ...architecture.graph import Graph
from ...architecture.lower import lower
from ...architecture.ops.refuse import REFUSED
from ...architecture.parameters import config_field
from ...architecture.tree import Network
from ...diagnostics import Diagnostic, FptError
from ...language import syntax
from ...language.document import Document
from ..respell import model_values
from ..respell.expressions import UNKNOWN, alike, value
from ..respell.slots import Unspellable
from .lists import Lists, grown_lists
from .refused import taken
from .sites import Asked, sites, stated_counts, stated_values, torn
from .untold import untold_lists


@dataclass(frozen=True)
class ConfigChange:
    """``values`` are the fields that change, by name; ``warnings`` are sentences about others that may have to."""

    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def grown_config(
    document: Document, old: Network, grown: Graph, config: Mapping[str, Any], *, path: str, weights: str
) -> ConfigChange:
    """The fields that make ``document`` the grown network, whose graph is ``grown``.

    ``config`` are the fields by name before growth, ``old`` the network that they give (with what the user set
    besides, which comes into the new fields too), ``path`` the file's name in messages, ``weights`` what can be given
    in place of the folder.

    Raises ``FptError``: F351 where no values do, F352 where a list may or may not have one entry per layer.
    """
    assert document.model is not None
    lists = grown_lists(config, old, grown.network, path=path)
    values, difference = _fitting(document, old, grown, config, lists.values)
    if difference is None:
        return ConfigChange({**values, **lists.values}, lists.warnings)
    told = _with_untold(document, old, grown, config, lists, path)
    if told is None:
        instead = _taken(document, old, grown, config, values) if difference.startswith(REFUSED) else []
        raise _inexpressible(path, weights, difference, values, torn(grown, old.frame.values), instead)
    return told


def _with_untold(
    document: Document, old: Network, grown: Graph, config: Mapping[str, Any], lists: Lists, path: str
) -> ConfigChange | None:
    """The fields with lists besides that have been derived so far; None where these do not help either."""
    untold = untold_lists(document, old)
    if not untold:
        return None
    try:
        more = grown_lists(untold, old, grown.network, path=path).values
    except FptError:  # what the new layers would have is not known
        return None
    values, difference = _fitting(document, old, grown, config, {**lists.values, **more})
    if difference is not None:
        return None
    names = " and ".join(f"`{name}`" for name in more)
    warning = f"{names} in `{path}` is new: a version of the class that does not read it computes something else"
    return ConfigChange({**values, **lists.values, **more}, (*lists.warnings, warning))


def _fitting(
    document: Document, old: Network, grown: Graph, config: Mapping[str, Any], lists: Mapping[str, list[Any]]
) -> tuple[dict[str, Any], str | None]:
    """The fields that change, and None; where nothing fits, the nearest and what differs.

    ``lists`` are those with an entry per layer, as they will be.
    """
    assert document.model is not None
    told: tuple[dict[str, Any], str | None] | None = None
    for wanted in _candidates(document, old, grown):
        wanted.update({name: _frozen(field) for name, field in lists.items() if name in wanted})
        values = _changed_fields(document.model, config, old.frame.values, wanted)
        difference = _difference(document, {**config, **values}, grown.network)
        if difference is None:
            return values, None
        if told is None or difference.startswith(REFUSED):
            told = values, difference
    assert told is not None
    return told


def _candidates(document: Document, old: Network, grown: Graph) -> Iterator[dict[str, Any]]:
    """Values of all parameters: by every size and count that the spec states, then as the grown spec would have them.

    The first is quick and finds sizes; the others find what else may have changed.
    """
    stated = {name: each.value for name, each in stated_values(sites(grown), old.frame.values).items()}
    stated.update(stated_counts(grown.network, old.frame.values))
    yield {**old.frame.values, **stated}
    for follow in (False, True):
        wanted = dict(old.frame.values)
        with suppress(Unspellable):
            wanted.update(model_values(document, old, grown.network, follow=follow))
        yield wanted


def _changed_fields(
    model: syntax.Model, config: Mapping[str, Any], old: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Fields that must be written: those with another value, and those that are not there and would get another.

    Null asks the class to derive the field, as the default does.  Without the field the class may as well take a number
    of its own, which was the ``old`` value; whether it is the new one too is not known, so that a new one is written.
    """
    changed: dict[str, Any] = {}
    for param in model.params:
        target = wanted.get(param.name, UNKNOWN)
        if target is UNKNOWN:
            continue
        now = _frozen(config_field(config, param.name))
        missing = now is None and param.name not in config
        if now is None:
            now = UNKNOWN if param.default is None else value(param.default, wanted)
        if now is UNKNOWN or not alike(now, target) or (missing and not alike(target, old[param.name])):
            changed[param.name] = _thawed(target)
    return changed


def _frozen(field: Any) -> Any:
    return tuple(map(_frozen, field)) if isinstance(field, list) else field


def _thawed(field: Any) -> Any:
    return list(map(_thawed, field)) if isinstance(field, tuple) else field


def _difference(document: Document, config: Mapping[str, Any], grown: Network) -> str | None:
    """None when the spec with ``config`` is the grown network, else the first difference in words."""
    try:
        return same(elaborate(replace(document, model_args=()), config=config), grown)
    except FptError as fault:
        return "; ".join(item.message for item in fault.diagnostics)


def _taken(
    document: Document, old: Network, grown: Graph, config: Mapping[str, Any], values: Mapping[str, Any]
) -> list[str]:
    """Values that the class takes where it refuses these, in words."""
    assert document.model is not None

    def possible(other: Mapping[str, int]) -> bool:
        try:
            lower(elaborate(replace(document, model_args=()), config={**config, **values, **other}))
        except FptError:
            return False
        return True

    return taken(document.model, old.frame.values, {**old.frame.values, **values}, grown, possible)


def _inexpressible(
    path: str,
    weights: str,
    difference: str,
    values: Mapping[str, Any],
    torn: tuple[str, Asked, Asked] | None,
    instead: list[str],
) -> FptError:
    """``torn`` is a field of which two layers ask different values: where there is one, a better reason.

    ``instead`` are values that the class takes where it refuses these.
    """
    fields = ", ".join(f"{name} = {field}" for name, field in values.items())
    told = difference.replace("in the first", "by the configuration").replace("in the second", "in the grown network")
    told += f" (nearest: {fields})" if fields else ""
    hint = "the fields of a configuration hold for all layers: grow all that one sets (`*` in the path)"
    if difference.startswith(REFUSED):
        told = difference.removeprefix(REFUSED) + (f" (it would get {fields})" if fields else "")
        hint = "ask for sizes that it takes" + (f": {', or '.join(instead)}" if instead else "")
    elif torn is not None:
        name, first, other = torn
        told = f"`{name}` would be {first.value} for `{first.node.name}` and {other.value} for `{other.node.name}`"
    message = f"`{path}` has no fields for this growth: {told}"
    hint += f", or give {weights} instead of the folder, and get a checkpoint with a spec of its own"
    return FptError(Diagnostic("F351", message, hint=hint, path=path))
