"""The names of a file and the names of a spec: rules of the ``checkpoint`` section, applied and undone.

The rules apply in the order select, strip, rename, alias, ignore, whatever the order of writing
(``docs/language.md``, checkpoint section).  Nothing here knows a container.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..diagnostics import Diagnostics, did_you_mean
from ..language import syntax

PREFIXES = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile put before every key; dropped without a rule."""


@dataclass(frozen=True)
class KeyName:
    """How one key of the file is called in the spec: ``strip`` dropped, then exchanged what a rule exchanges."""

    raw: str
    spec: str
    strip: str = ""
    rename: tuple[str, str] | None = None

    def another(self, spec: str, rules: Iterable[tuple[str, str]]) -> KeyName:
        """Another spec key in the same place: of ``rules`` the first that could have made it is undone."""
        for first, second in rules:
            found = exchanged(spec, second, first)
            if found is not None:
                return KeyName(self.strip + found, spec, self.strip, (first, second))
        return KeyName(self.strip + spec, spec, self.strip)


def exchanged(key: str, old: str, new: str) -> str | None:
    """The key with what ``old`` says exchanged by what ``new`` says; None where it does not fit.

    Both are prefixes, or patterns in which one ``*`` stands for what stays: ``*.gamma`` to ``*.weight``.
    """
    (head, tail), (new_head, new_tail) = _sides(old), _sides(new)
    if len(key) < len(head) + len(tail) or not key.startswith(head) or not key.endswith(tail):
        return None
    return new_head + key[len(head) : len(key) - len(tail)] + new_tail


def _sides(pattern: str) -> tuple[str, str]:
    """What is before the star, and behind it; a prefix has nothing behind."""
    head, _, tail = pattern.partition("*")
    return head, tail


def rules_of(rules: syntax.Checkpoint | None, kind: str) -> list[syntax.CheckpointEntry]:
    return [entry for entry in rules.entries if entry.kind == kind] if rules is not None else []


def automatic_prefix(keys: Sequence[str], described: frozenset[str] = frozenset()) -> str:
    """The wrapper prefixes that all keys have (repeated ones joined), unless the spec has them too."""
    found = ""
    rest = list(keys)
    while rest:
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in rest)), None)
        if prefix is None or any(key in described for key in rest):
            break
        found += prefix
        rest = [key[len(prefix) :] for key in rest]
    return found


def strip_keys(
    keys: Sequence[str], rules: Sequence[syntax.CheckpointEntry], found: Diagnostics, path: str
) -> dict[str, str]:
    """Each key with the prefix that the strip rules drop from it."""
    dropped = dict.fromkeys(keys, "")
    for rule in rules:
        hits = [key for key in keys if key[len(dropped[key]) :].startswith(rule.first)] if rule.first else []
        if not hits:
            message = f'`strip "{rule.first}"`: no key begins so; {shown(keys)}'
            found.add("F423", message, rule.span, hint="remove the rule, or give the prefix as it is", path=path)
        for key in hits:
            dropped[key] += rule.first
    return dropped


def rename_keys(
    dropped: dict[str, str],
    rules: Sequence[syntax.CheckpointEntry],
    found: Diagnostics,
    path: str,
    described: frozenset[str] = frozenset(),
) -> list[KeyName]:
    """The spec's key of each key; a key is renamed once, by the longest rule that fits.

    With ``described`` a rule holds for what it makes one of these keys, and is not one yet: rules for a family may be
    needed for some of its files only.
    """
    names: list[KeyName] = []
    used: set[int] = set()
    rules = [rule for rule in rules if _well_formed(rule, found, path)]
    for raw, strip in dropped.items():
        key = raw[len(strip) :]
        possible = [
            (len(rule.first), -place, spec)
            for place, rule in enumerate(rules)
            if (spec := exchanged(key, rule.first, rule.second or "")) is not None
            and (not described or (spec in described and key not in described))
        ]
        if not possible:
            names.append(KeyName(raw, key, strip))
            continue
        _, place, spec = max(possible)
        used.add(-place)
        names.append(KeyName(raw, spec, strip, (rules[-place].first, rules[-place].second or "")))
    for place, rule in enumerate(rules):
        if place not in used:
            after = [raw[len(strip) :] for raw, strip in dropped.items()]
            fits = "is so" if "*" in rule.first else "begins so"
            message = f'`rename "{rule.first}" to "{rule.second}"`: no key {fits}; {shown(after)}'
            hint = did_you_mean(rule.first.rstrip("."), heads(after)) or "remove the rule"
            found.add("F424", message, rule.span, hint=hint, path=path)
    _check_distinct(names, found, path)
    return names


def _well_formed(rule: syntax.CheckpointEntry, found: Diagnostics, path: str) -> bool:
    stars = rule.first.count("*"), (rule.second or "").count("*")
    if stars in ((0, 0), (1, 1)):
        return True
    message = f'`rename "{rule.first}" to "{rule.second}"`: one `*` on both sides, or none'
    found.add("F424", message, rule.span, hint="the star stands for the part of the key that stays", path=path)
    return False


def _check_distinct(names: Iterable[KeyName], found: Diagnostics, path: str) -> None:
    first: dict[str, KeyName] = {}
    for name in names:
        other = first.setdefault(name.spec, name)
        if other is not name:
            message = f"`{other.raw}` and `{name.raw}` would both be `{name.spec}`"
            found.add("F428", message, hint="change `strip` or `rename` so that the names stay apart", path=path)


def alias_keys(
    keys: Sequence[str], rules: Sequence[syntax.CheckpointEntry], found: Diagnostics, path: str
) -> dict[str, str]:
    """Each aliased key with the key that holds the same tensor."""
    links: dict[str, str] = {}
    present = set(keys)
    for rule in rules:
        first, second = rule.first.rstrip("."), (rule.second or "").rstrip(".")
        pairs = {key: second + key[len(first) :] for key in keys if key == first or key.startswith(first + ".")}
        lost = [key for key in pairs.values() if key not in present]
        text = f'`alias "{rule.first}" to "{rule.second}"`'
        if not pairs:
            hint = did_you_mean(first, heads(keys)) or "remove the rule"
            found.add("F425", f"{text}: there is no key `{first}`; {shown(keys)}", rule.span, hint=hint, path=path)
        elif lost:
            hint = f'where the file has only one of the two, use `rename "{first}." to "{second}."`'
            found.add("F425", f"{text}: there is no key `{lost[0]}`", rule.span, hint=hint, path=path)
        else:
            links.update(pairs)
    return links


def tie_keys(
    names: Sequence[KeyName], rules: Sequence[syntax.CheckpointEntry], described: frozenset[str]
) -> tuple[list[KeyName], dict[str, str]]:
    """The alias rules of a family as far as one checkpoint has them: the names, and each aliased key's partner.

    A rule is not in force where the network describes both keys (weights that this configuration does not tie).
    Where the file has only the second name of a tied tensor (safetensors stores one of the two), the first stands
    for it.
    """
    known = {name.spec: name for name in names}
    links: dict[str, str] = {}
    for rule in rules:
        first, second = rule.first.rstrip("."), (rule.second or "").rstrip(".")
        for key in [key for key in known if key == first or key.startswith(first + ".")]:
            partner = second + key[len(first) :]
            if partner in known and not (key in described and partner in described):
                links[key] = partner
            elif partner not in known and partner in described and key not in described:
                name = known.pop(key)
                known[partner] = KeyName(name.raw, partner, name.strip, (first, second))
    order = {name.raw: place for place, name in enumerate(names)}
    return sorted(known.values(), key=lambda name: order[name.raw]), links


def ignored_keys(
    keys: Sequence[str],
    rules: Sequence[syntax.CheckpointEntry],
    found: Diagnostics,
    path: str,
    described: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Each ignored key with the pattern that hits it; a pattern without a hit is a warning.

    Keys that are ``described`` are not ignored: a family's rule may name what only some of its networks lack.
    """
    ignored: dict[str, str] = {}
    for rule in rules:
        hits = [key for key in fitting(keys, rule.first) if key not in described]
        if not hits:
            # A warning, for the same spec serves checkpoints with and without such entries.
            message = f'`ignore "{rule.first}"` hits no key; {shown(keys)}'
            found.add("F427", message, rule.span, severity="warning", path=path)
        for key in hits:
            ignored.setdefault(key, rule.first)
    return ignored


def fitting(keys: Iterable[str], pattern: str) -> list[str]:
    """The keys that a pattern of ``ignore`` hits."""
    expression = re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", pattern)), re.DOTALL)
    return [key for key in keys if expression.fullmatch(key)]


def heads(keys: Iterable[str]) -> list[str]:
    """Every dotted beginning of the keys, each once."""
    known: dict[str, None] = {}
    for key in keys:
        parts = key.split(".")
        for n in range(1, len(parts) + 1):
            known[".".join(parts[:n])] = None
    return list(known)


def shown(keys: Sequence[str], limit: int = 3) -> str:
    """``the keys are `a`, `b`, `c` and 7 more``."""
    if not keys:
        return "there are no keys"
    names = ", ".join(f"`{key}`" for key in keys[:limit])
    return f"the keys are {names}" + (f" and {len(keys) - limit} more" if len(keys) > limit else "")
