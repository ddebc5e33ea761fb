"""A residual branch behind a layer: ``residual { layer; norm; activation; layer }`` (D-8, D-9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from ...architecture.ops import OPERATIONS
from ...architecture.tree import Layer, Scope, Tree
from ..edit_tree import clone
from ..refusal import Refused
from .copies import Run, copied, is_activation, is_map, is_norm, is_run

Opening = Callable[[Layer, "int | None", int], Layer]
"""The first layer of a branch, with the width of ``to M`` and the pieces of a maxout behind it."""


def residual(run: Run, method: str, opening: Opening) -> tuple[Tree, ...]:
    """What a run of layers is deepened by; a residual composite by a copy of itself.  Raises Refused."""
    if len(run.nodes) == 1 and isinstance(run.nodes[0], Scope):
        scope = run.nodes[0]
        if not is_run(scope):
            return (copied(scope, run.names[0], run.output),)
        inner = _branch(scope.children, replace(run, names=()), opening)
        return (Scope(kind="residual", key=run.names[0], children=inner),)
    if sum(map(is_map, run.nodes)) != 1:
        raise Refused("F323", f"`{method}` inserts one residual branch at a time", "name one layer")
    return (Scope(kind="residual", children=_branch(run.nodes, run, opening)),)


def _branch(nodes: tuple[Tree, ...], run: Run, opening: Opening) -> tuple[Tree, ...]:
    first = next(node for node in nodes if is_map(node))
    assert isinstance(first, Layer)
    pieces = next((node for node in nodes if isinstance(node, Layer) and node.op == "maxout"), None)
    activation = pieces or next((node for node in nodes if is_activation(node)), None)
    norm = next((node for node in nodes if is_norm(node)), None)
    names = dict(zip(map(id, run.nodes), run.names))
    lead = names.get(id(first)) or _short(first.op)
    inside = not names or run.numbered
    # Inside a composite of its own the two have the plain names of layers; else names beside the run's.
    keys = (f"{lead}1", f"{lead}2") if inside else (lead, run.fresh(_next(lead)))
    each = cast(Any, pieces).args.pieces if pieces is not None else 1
    start = opening(cast(Layer, copied(first, keys[0], run.output)), run.width, each)
    middle: list[Tree] = []
    if norm is not None:
        middle.append(clone(norm, key="norm1" if inside else names.get(id(norm)) or run.fresh(f"{lead}_norm")))
    if activation is not None:
        key = names.get(id(activation)) or (None if activation.key is None else _short(cast(Layer, activation).op))
        middle.append(clone(activation, key=key))
    else:
        middle.append(Layer(op="relu", args=OPERATIONS["relu"].Args()))
    closing = wide(copied(first, keys[1], run.output), units(first) // each)
    if pieces is not None:
        closing = replace(closing, like=None)  # It has one unit for all pieces of what it is a copy of.
    return (start, *(replace(node, let=None) for node in middle), closing)


def wide(layer: Tree, width: int) -> Layer:
    """The layer with another number of units."""
    assert isinstance(layer, Layer)
    args: Any = layer.args
    return replace(layer, let=None, args=type(args)(**{**dict(args), _argument(layer): width}))


def units(layer: Tree) -> int:
    assert isinstance(layer, Layer)
    return int(getattr(layer.args, _argument(layer)))


def _argument(layer: Layer) -> str:
    return "out_features" if "out_features" in type(layer.args).model_fields else "out_channels"


def _short(op: str) -> str:
    return {"linear": "fc"}.get(op, op.rstrip("0123456789d") or op)


def _next(key: str) -> str:
    """``conv2_2`` behind ``conv2_1``."""
    stem, _, number = key.rpartition("_")
    return f"{stem}_{int(number) + 1}" if stem and number.isdigit() else f"{key}_2"
