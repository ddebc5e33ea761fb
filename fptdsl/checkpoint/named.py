"""The tensors of a checkpoint under the names of a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..diagnostics import Diagnostic, Diagnostics, FptError
from ..language import syntax
from .keys import (
    KeyName,
    alias_keys,
    automatic_prefix,
    ignored_keys,
    rename_keys,
    rules_of,
    strip_keys,
    tie_keys,
)
from .storage import Entry

FAMILY = ("F423", "F424", "F425", "F427")
"""Rules that hit nothing: no fault in a section that serves all checkpoints of a family."""


@dataclass(frozen=True, eq=False)
class Named:
    """What the ``checkpoint`` section makes of the keys of a file; see :class:`~.checkpoint.Checkpoint`."""

    names: dict[str, KeyName]
    entries: dict[str, Entry]
    links: dict[str, str]
    alias_rules: tuple[tuple[str, str], ...]
    ignored: dict[str, str]
    warnings: tuple[Diagnostic, ...]
    sentence: str
    """The end of the sentence that says what was found."""


def name_entries(
    entries: Mapping[str, Entry],
    rules: syntax.Checkpoint | None,
    described: frozenset[str],
    path: str,
    *,
    family: bool = False,
) -> Named:
    """Apply the rules to the raw keys of ``entries``; raises ``FptError`` F423 to F429."""
    found = Diagnostics()
    needed = described if family else frozenset()
    names, prefix = _names(list(entries), rules, described, needed, found, path)
    aliases = rules_of(rules, "alias")
    if family:
        names, links = tie_keys(names, aliases, described)
    else:
        links = alias_keys([key.spec for key in names], aliases, found, path)
    ignored = ignored_keys([key.spec for key in names], rules_of(rules, "ignore"), found, path, needed)
    if family:
        found.items = [item for item in found.items if item.code not in FAMILY]
    found.check()
    links = {key: target for key, target in links.items() if key not in ignored and target not in ignored}
    by_key = {key.spec: entries[key.raw] for key in names}
    _check_aliases(by_key, links, aliases, path)
    return Named(
        names={key.spec: key for key in names},
        entries={key: entry for key, entry in by_key.items() if key not in ignored},
        links=links,
        alias_rules=tuple(_pair(rule) for rule in aliases if not family or _in_force(rule, links)),
        ignored=ignored,
        warnings=found.warnings,
        sentence=(f", prefix `{prefix}` dropped" if prefix else "")
        + (f", {len(ignored)} ignored" if ignored else "")
        + ".",
    )


def _pair(rule: syntax.CheckpointEntry) -> tuple[str, str]:
    return rule.first.rstrip("."), (rule.second or "").rstrip(".")


def _in_force(rule: syntax.CheckpointEntry, links: Mapping[str, str]) -> bool:
    first, _ = _pair(rule)
    return any(key == first or key.startswith(first + ".") for key in links)


def _names(
    keys: list[str],
    rules: syntax.Checkpoint | None,
    described: frozenset[str],
    needed: frozenset[str],
    found: Diagnostics,
    path: str,
) -> tuple[list[KeyName], str]:
    """The spec's name of every key, and the prefix that was dropped without a rule."""
    strip, rename = rules_of(rules, "strip"), rules_of(rules, "rename")
    automatic = "" if strip or rename else automatic_prefix(keys, described)
    dropped = dict.fromkeys(keys, automatic) if automatic else strip_keys(keys, strip, found, path)
    return rename_keys(dropped, rename, found, path, needed), automatic


def _check_aliases(
    entries: Mapping[str, Entry], links: Mapping[str, str], rules: Sequence[syntax.CheckpointEntry], path: str
) -> None:
    """Aliased tensors must be equal, bit for bit."""
    for first, second in links.items():
        left, right = entries[first], entries[second]
        if left.problem or right.problem or left.region == right.region:
            continue
        same = left.dtype == right.dtype and left.shape == right.shape
        if not same or any(a.tobytes() != b.tobytes() for a, b in zip(left.chunks(), right.chunks(), strict=True)):
            span = next((r.span for r in rules if first.startswith(r.first.rstrip("."))), None)
            message = f"`{first}` is declared an alias of `{second}`, but the two tensors differ"
            hint = "remove the alias, and describe both in the spec or ignore one"
            raise FptError(Diagnostic("F426", message, span, hint=hint, path=path))
