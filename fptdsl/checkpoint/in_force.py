"""The rules of a family's ``checkpoint`` section that one checkpoint has: those for a spec of its own.

A section that is written for all checkpoints of a family names ties and prefixes that only some of them have
(``lm_head`` may be tied or not), and renames what becomes a key of the spec by it.  A grown file gets a spec without a
family, where every rule must hit, and holds for every key that it fits: rules are narrowed to what they did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..language import syntax
from .checkpoint import Checkpoint
from .keys import KeyName, exchanged, fitting
from .layout import NewTensor, written_names


def rules_in_force(
    rules: syntax.Checkpoint | None, source: Checkpoint, tensors: Sequence[NewTensor]
) -> syntax.Checkpoint | None:
    """The rules with which the file that is made of ``source`` has these tensors; None where there are none.

    ``tensors`` are what is written (:func:`~.writing.write_checkpoint`); their values are not looked at.
    """
    if rules is None:
        return None
    written = written_names(source, tensors)
    ignored = {rule: _ignored(rule, source, written) for rule in rules.entries if rule.kind == "ignore"}
    patterns = [one.first for found in ignored.values() for one in found]
    kept: list[syntax.CheckpointEntry] = []
    for rule in rules.entries:
        kept += ignored[rule] if rule.kind == "ignore" else _in_force(rule, source, written, patterns)
    if tuple(kept) == rules.entries:
        return rules
    return replace(rules, entries=tuple(kept)) if kept else None


def _in_force(
    rule: syntax.CheckpointEntry, source: Checkpoint, written: Sequence[KeyName], ignored: Sequence[str]
) -> list[syntax.CheckpointEntry]:
    """The rule as it holds for the file: an alias whose first key is not there is a change of name."""
    if rule.kind == "strip":
        return [rule] if any(rule.first in name.strip for name in source.names.values()) else []
    if rule.kind == "rename":
        return list(_narrowed(rule, written, ignored))
    if rule.kind == "alias":
        pair = rule.first.rstrip("."), (rule.second or "").rstrip(".")
        if pair in source.alias_rules:
            return [rule]
        return list(_narrowed(replace(rule, kind="rename", first=pair[0], second=pair[1]), written, ignored))
    return [rule]


def _ignored(
    rule: syntax.CheckpointEntry, source: Checkpoint, written: Sequence[KeyName]
) -> list[syntax.CheckpointEntry]:
    """An ``ignore`` as it holds for the file: key by key where it fits tensors of the network, too."""
    hits = [key for key, pattern in source.ignored.items() if pattern == rule.first]
    described = [name.spec for name in written if name.spec not in source.ignored]
    if hits and fitting(described, rule.first):
        return [replace(rule, first=key) for key in hits]
    return [rule] if hits else []


def _narrowed(
    rule: syntax.CheckpointEntry, written: Sequence[KeyName], ignored: Sequence[str]
) -> Iterator[syntax.CheckpointEntry]:
    """A ``rename`` as it is, or for the beginnings of the keys that it renamed where it fits others, too.

    Keys that are ignored under either name are of no account.
    """
    pair = rule.first, rule.second or ""
    hits = [_key(name) for name in written if name.rename == pair]
    others: list[KeyName] = []
    for name in written:
        new = exchanged(_key(name), *pair) if name.rename != pair else None
        if new is not None and not all(_fits(key, ignored) for key in (name.spec, new)):
            others.append(name)
    if all(name.rename is not None and len(name.rename[0]) > len(rule.first) for name in others):
        if hits:
            yield rule  # A longer rule comes first.
        return
    head, star, tail = rule.first.partition("*")
    taken = [_key(name) for name in others]
    for begin in dict.fromkeys(_beginning(key, len(head), len(tail), taken) for key in hits):
        second = exchanged(begin + tail, *pair)
        assert second is not None
        if star:
            new_tail = (rule.second or "").partition("*")[2]
            second = second[: len(second) - len(new_tail)] + star + new_tail
        yield replace(rule, first=begin + star + tail, second=second)


def _beginning(key: str, head: int, tail: int, others: Sequence[str]) -> str:
    """The shortest beginning of a key, in whole segments and longer than ``head``, that none of the others has."""
    stop = len(key) - tail
    ends = [at + 1 for at in range(head, stop) if key[at] == "."]
    found = (key[:end] for end in ends if not any(other.startswith(key[:end]) for other in others))
    return next(found, key[:stop])


def _key(name: KeyName) -> str:
    return name.raw[len(name.strip) :]


def _fits(key: str, patterns: Sequence[str]) -> bool:
    return any(fitting([key], pattern) for pattern in patterns)
