"""The rules of a family's ``checkpoint`` section that one checkpoint has: those for a spec of its own.

A section that is written for all checkpoints of a family names ties and prefixes that only some of them have
(``lm_head`` may be tied or not).  A grown file gets a spec without a family, where every rule must hit.
"""

from __future__ import annotations

from dataclasses import replace

from ..language import syntax
from .checkpoint import Checkpoint


def rules_in_force(rules: syntax.Checkpoint | None, source: Checkpoint) -> syntax.Checkpoint | None:
    """The rules that ``source`` was read with; None where there are none."""
    if rules is None:
        return None
    kept = tuple(rule for rule in (_in_force(rule, source) for rule in rules.entries) if rule is not None)
    if kept == rules.entries:
        return rules
    return replace(rules, entries=kept) if kept else None


def _in_force(rule: syntax.CheckpointEntry, source: Checkpoint) -> syntax.CheckpointEntry | None:
    """The rule as it holds for the file: an alias whose first key is not there is a change of name."""
    names = source.names.values()
    if rule.kind == "strip":
        return rule if any(rule.first in name.strip for name in names) else None
    if rule.kind == "rename":
        return rule if any(name.rename == (rule.first, rule.second) for name in names) else None
    if rule.kind == "ignore":
        return rule if rule.first in source.ignored.values() else None
    if rule.kind == "alias":
        pair = rule.first.rstrip("."), (rule.second or "").rstrip(".")
        if pair in source.alias_rules:
            return rule
        renamed = any(name.rename == pair for name in names)
        return replace(rule, kind="rename", first=pair[0], second=pair[1]) if renamed else None
    return rule
