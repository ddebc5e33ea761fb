"""``branch``: a layer, or an identity skip, as parallel layers that add up to it (Network Morphism, D-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..architecture.graph import Graph, Node
from ..architecture.ops import OPERATIONS
from ..architecture.terms import spaces
from ..architecture.tree import Layer, Network, Output, Reuse, Scope, Tree, walk
from ..language import syntax
from .edit_tree import Keys
from .new_form import Edit
from .recipe import Constant, IdentityShare, Share, Source, Start
from .refusal import Refused
from .requests import Request

CONVOLUTIONS = {2: "conv1d", 3: "conv2d"}
"""By the number of axes of what they take, the channels first."""
ALIKE = (
    "parallel layers of equal shares get equal gradients: they part when one of them is deepened or its kernel "
    "enlarged in a second growth"
)


# --- a layer ---------------------------------------------------------------------------------------


def branch_layer(
    request: Request, directive: syntax.Branch, target: str, layer: Layer, keys: Keys, network: Network
) -> tuple[Tree, Edit]:
    """A layer as ``into`` parallel layers: equal shares, the bias on the first.  Raises Refused."""
    if is_reused(layer, network):
        raise Refused("F320", f"`{target}` is used again by `reuse`, so it cannot become several layers")
    if "input" in (layer.sources or ()):
        raise Refused(
            "F320",
            f"`{target}` takes `input` by name, which would be another value inside the branches",
            "give that value a name: `let x = ...`, then `from x`",
        )
    names = _names(layer.key or "main", directive.into, keys, layer if layer.key is not None else None)
    branches = tuple(
        replace(
            layer, key=name, let=None, old=layer.old if not position else None, like=None if not position else layer.old
        )
        for position, name in enumerate(names)
    )
    named = any(layer.key in _read_by(node) for _, node in walk(network)) if layer.key else False
    let = layer.let or (layer.key if named else None)
    parallel = Scope(kind="parallel", mode="add", children=branches, let=let, origin=layer.origin)
    count = directive.into

    def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        if suffix == "weight":
            return Share(f"{layer.old}.weight", position, count)
        return Constant(0.0, shape) if position else Source(f"{layer.old}.{suffix}")

    summary = f"{count} parallel layers: {', '.join(names)}"
    why = "equal shares that add up to the old layer"
    return parallel, Edit(request, target, branches, start, summary, why, advice=(ALIKE,))


def is_reused(layer: Layer, network: Network) -> bool:
    return any(isinstance(node, Reuse) and node.target == layer.key for _, node in walk(network))


def _names(lead: str, count: int, keys: Keys, beside: Tree | None) -> list[str]:
    """``lead``, ``lead_1``, ...: the first is there already; new ones are free beside a node, if one is given."""
    names, number = [lead], 1
    while len(names) < count:
        name = f"{lead}_{number}"
        if beside is None or keys.free(beside, name):
            names.append(name)
            if beside is not None:
                keys.take(beside, name)
        number += 1
    return names


def _read_by(node: Tree) -> tuple[str | None, ...]:
    """Values that a node takes by name."""
    if isinstance(node, Output):
        return (node.value,)
    return getattr(node, "sources", None) or ()


# --- an identity skip ------------------------------------------------------------------------------


def branch_skips(
    request: Request, directive: syntax.Branch, target: str, old: Graph, network: Network, keys: Keys
) -> Iterator[tuple[Scope, Scope, Edit]]:
    """The identity skips around ``target``: each residual composite of that name, what its shortcut becomes, the edit.

    A skip becomes ``into`` layers without a bias, each an equal share of the identity.  Raises Refused.
    """
    wanted = [node for name, node in walk(old.network) if name == target and _is_residual(node)]
    plain = [node for node in wanted if isinstance(node, Scope) and not node.shortcut]
    if not plain:
        what = "has a shortcut with layers of its own" if wanted else "is neither a layer with a kernel nor around one"
        raise Refused(
            "F320",
            f"`{target}` {what}, so there is no identity skip to branch",
            "name a convolution, a linear layer, or the block whose `residual` has no shortcut",
        )
    now = {node.old: node for _, node in walk(network) if _is_residual(node)}
    for was in plain:
        residual = now[was.old]
        assert isinstance(residual, Scope)
        total = next(node for node in old.nodes if node.tree is was and node.op == "add")
        yield (residual, *_skip(request, directive, target, total, old, residual, keys))


def _is_residual(node: Tree) -> bool:
    return isinstance(node, Scope) and node.kind == "residual"


def _skip(
    request: Request, directive: syntax.Branch, target: str, total: Node, old: Graph, residual: Scope, keys: Keys
) -> tuple[Scope, Edit]:
    beside, count = residual.children[0] if residual.children else residual, directive.into
    lead, number = "skip", 1
    while not keys.free(beside, lead):
        number += 1
        lead = f"skip_{number}"
    keys.take(beside, lead)
    names = _names(lead, count, keys, beside)
    op, size = _layer_over(total, old, target)
    given: dict[str, object] = {"bias": False}
    given |= {"out_features": size} if op == "linear" else {"out_channels": size, "kernel_size": 1}
    layers = tuple(Layer(key=name, op=op, args=OPERATIONS[op].Args(**given)) for name in names)

    def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        return IdentityShare(shape, position, count)

    summary = f"the identity skip as {count} parallel layers: {', '.join(names)}"
    why = "equal shares of the identity, which add up to it"
    edit = Edit(request, target, layers, start, summary, why, advice=(ALIKE,))
    return Scope(kind="parallel", mode="add", children=layers), edit


def _layer_over(total: Node, old: Graph, target: str) -> tuple[str, int]:
    """The kind of layer that maps the units of a sum to themselves, and their number."""
    axes = total.output.axes
    produced = {
        space
        for tensor in old.tensors.values()
        for axis, role in zip(tensor.axes, tensor.roles)
        if role == "writes"
        for space in spaces(axis)
    }
    units = [place for place, axis in enumerate(axes) if produced & set(spaces(axis))]
    free = [place for place in units if any(space.frozen is None for space in spaces(axes[place]))]
    found = free or units
    if len(found) == 1 and found[0] == len(axes) - 1:
        return "linear", total.output.shape[-1]
    if len(found) == 1 and found[0] == 0 and len(axes) in CONVOLUTIONS:
        return CONVOLUTIONS[len(axes)], total.output.shape[0]
    raise Refused(
        "F320",
        f"no layer of the language maps the units of the skip of `{target}` to themselves",
        "branch a layer of the block",
    )
