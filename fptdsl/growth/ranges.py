"""Intervals that hold the values of the graph: where an activation is the identity (D-1)."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from ..architecture.activations import SOFTMAX, Interval, activation_of
from ..architecture.graph import Value
from ..architecture.ops import OPERATIONS

REALS: Interval = (-inf, inf)


def interval(value: Value, same_as: Mapping[Value, Value]) -> Interval:
    """An interval that holds every entry of ``value``.

    ``same_as`` maps the outputs of inserted identities to the value that they repeat.
    """
    chain = 0
    while True:
        value = same_as.get(value, value)
        node = value.producer
        if node is None:
            return REALS
        operation = OPERATIONS[node.op]
        if operation.activation is not None:
            return activation_of(operation.activation, node.args).values
        if node.op in ("softmax", "log_softmax"):
            return SOFTMAX.values if node.op == "softmax" else REALS
        # Chains of operations that pass values on are walked in a loop, joins by recursion.
        if operation.keeps_range and len(node.inputs) == 1 and chain < 10_000:
            value, chain = node.inputs[0], chain + 1
            continue
        break
    if node.op not in ("concat", "add", "mul") and not operation.keeps_range:
        return REALS
    # Joins of joins are not followed: an unknown operand makes the whole unknown.
    parts = [_near(same_as.get(v, v)) for v in node.inputs]
    if node.op == "add":
        return sum(p[0] for p in parts), sum(p[1] for p in parts)
    if node.op == "mul":
        return (0.0, inf) if all(p[0] >= 0 for p in parts) else REALS
    return min(p[0] for p in parts), max(p[1] for p in parts)


def _near(value: Value) -> Interval:
    node = value.producer
    while node is not None and OPERATIONS[node.op].keeps_range and len(node.inputs) == 1:
        value = node.inputs[0]
        node = value.producer
    if node is None:
        return REALS
    name = OPERATIONS[node.op].activation
    return activation_of(name, node.args).values if name is not None else REALS
