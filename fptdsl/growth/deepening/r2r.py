"""R2DeeperR (Painter 2024): a residual branch of two or more layers whose last reads units that cancel (D-8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from ...architecture.ops import OPERATIONS
from ...architecture.tree import Layer, Scope, Tree
from ..edit_tree import clone
from ..identity import Identity, NoIdentity
from ..part import Part
from ..plan import Exactness
from ..refusal import Refused
from .base import Deepening, blown_advice, places
from .copies import Run, copied, is_activation, is_map, is_norm, is_run

LEARNING_RATE = "R2R: train on at about 1/5 of the initial learning rate, with more weight decay"


class R2R(Deepening):
    name = "r2r"
    using = "r2r"
    ids = "D-8"
    paper = "R2R (Painter 2024)"
    place = "a residual block, or behind a layer, where it adds the skip that it needs"
    kinds = "exact; eval-only where the branch ends in a batch norm"
    condition = "two layers in the branch; what ends it keeps zero; what follows the sum leaves the input alone"
    trainability = "all parameters learn from the first step, and twins part at once"
    sets_width = True

    def layers(self, run: Run) -> tuple[Tree, ...]:
        """``residual { layer; norm; activation; layer }`` behind a run; a residual composite as it is."""
        if len(run.nodes) == 1 and isinstance(run.nodes[0], Scope):
            scope = run.nodes[0]
            if not is_run(scope):
                return (copied(scope, run.names[0], run.output),)
            return (self._group(scope, run),)
        if sum(map(is_map, run.nodes)) != 1:
            raise Refused("F323", "`r2r` inserts one residual branch at a time", "name one layer")
        return (Scope(kind="residual", children=self._branch(run.nodes, run)),)

    def _group(self, scope: Scope, run: Run) -> Scope:
        return Scope(kind="residual", key=run.names[0], children=self._branch(scope.children, replace(run, names=())))

    def _branch(self, nodes: tuple[Tree, ...], run: Run) -> tuple[Tree, ...]:
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
        opening = _paired(copied(first, keys[0], run.output), run.width, each)
        middle: list[Tree] = []
        if norm is not None:
            middle.append(clone(norm, key="norm1" if inside else names.get(id(norm)) or run.fresh(f"{lead}_norm")))
        if activation is not None:
            key = names.get(id(activation)) or (None if activation.key is None else _short(cast(Layer, activation).op))
            middle.append(clone(activation, key=key))
        else:
            middle.append(Layer(op="relu", args=OPERATIONS["relu"].Args()))
        closing = _wide(copied(first, keys[1], run.output), _units(first) // each)
        if pieces is not None:
            closing = replace(closing, like=None)  # It has one unit for all pieces of what it is a copy of.
        return (opening, *(replace(node, let=None) for node in middle), closing)

    def identity(self, part: Part) -> Identity:
        identity = part.solve_by_pairs()
        if not identity.twins:
            raise NoIdentity("there is no residual sum whose branch could vanish", "use `net2net` or `netmorph`")
        return identity

    def exactness(self, identity: Identity, dropout: bool) -> Exactness:
        return "eval-only" if identity.eval_only or dropout else "exact"

    def why(self, identity: Identity) -> str:
        return f"the branch cancels at {places(identity.cancelled)}, which reads pairs with opposite signs"

    def advice(self, identity: Identity) -> tuple[str, ...]:
        told: tuple[str, ...] = (LEARNING_RATE,)
        if identity.eval_only:
            told += (
                "the branch ends in a batch norm, which divides rounding by the root of its eps in training and makes "
                "its first gradients large; `zero` does not",
            )
        elif identity.blown:
            told += blown_advice(identity)
        return told


def _paired(layer: Tree, width: int | None, pieces: int) -> Layer:
    """The layer with units that can come in pairs: two or more in each group, and all pieces of each."""
    assert isinstance(layer, Layer)
    groups: int = getattr(layer.args, "groups", 1)
    least = 2 * groups * pieces
    if width is None:
        return _wide(layer, max(_units(layer), least))
    if width % (groups * pieces) or width < (least if groups > 1 or pieces > 1 else 1):
        what = f"{groups} groups" if groups > 1 else f"{pieces} pieces"
        near = max(-(-width // (groups * pieces)) * groups * pieces, least)
        raise Refused("F323", f"{width} units are not pairs of units in {what}", f"use `to {near}`")
    return _wide(layer, max(2, width))


def _wide(layer: Tree, width: int) -> Layer:
    """The layer with another number of units."""
    assert isinstance(layer, Layer)
    args: Any = layer.args
    return replace(layer, let=None, args=type(args)(**{**dict(args), _argument(layer): width}))


def _units(layer: Tree) -> int:
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
