"""``enlarge`` and ``branch``: old layers that get another form (Network Morphism, K-1 and D-12).

Both are edits of the tree with new starts for tensors that were there before: a kernel in the middle of a
larger one, or equal shares of a layer that add up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

from ..architecture.graph import Graph
from ..architecture.ops import OPERATIONS
from ..architecture.ops.fields import per_axis
from ..architecture.tree import Layer, Network, Output, Reuse, Scope, Tree, walk
from ..diagnostics import Diagnostics
from ..language import syntax
from .edit_tree import Keys, replace_nodes
from .plan import Exactness
from .recipe import Constant, Embed, Share, Source, Start
from .refusal import Refused
from .requests import Request


@dataclass(frozen=True, eq=False)
class Edit:
    """One layer in another form.  ``starts`` gives the start of a tensor by layer, suffix and shape."""

    request: Request
    target: str
    layers: tuple[Layer, ...]
    start: Callable[[int, str, tuple[int, ...]], Start]
    summary: str
    why: str
    old_taps: int = 1
    """Values of the old kernel for each pair of units."""
    exactness: Exactness = "exact"


@dataclass(frozen=True, eq=False)
class Reshaped:
    network: Network
    edits: tuple[Edit, ...]

    def starts(self, graph: Graph) -> dict[str, Start]:
        """Starts by the names of the tensors of the edited network's graph."""
        nodes = {id(node.tree): node for node in graph.nodes if node.reused is None}
        found: dict[str, Start] = {}
        for edit in self.edits:
            for position, layer in enumerate(edit.layers):
                for suffix, tensor in nodes[id(layer)].tensors.items():
                    found[tensor.name] = edit.start(position, suffix, tensor.shape)
        return found


def reshape(network: Network, requests: Sequence[Request], diagnostics: Diagnostics) -> Reshaped:
    """The network with all layers in their new form; a layer named twice is a fault."""
    by_old = {node.old: node for _, node in walk(network) if node.old is not None}
    keys = Keys(network)
    changed: dict[int, Tree] = {}
    edits: list[Edit] = []
    for request in requests:
        for target in request.targets:
            node = by_old.get(target)
            try:
                if not isinstance(node, Layer) or OPERATIONS[node.op].affine != "map":
                    raise Refused(
                        "F320", f"`{target}` is not a layer with a kernel", "name a convolution or a linear layer"
                    )
                if id(node) in changed:
                    raise Refused("F305", f"`{target}` cannot get two new forms at once", "keep one of the two lines")
                directive = request.directive
                if isinstance(directive, syntax.Enlarge):
                    tree, edit = _enlarge(request, directive, target, node)
                else:
                    assert isinstance(directive, syntax.Branch)
                    tree, edit = _branch(request, directive, target, node, keys, network)
                changed[id(node)] = tree
                edits.append(edit)
            except Refused as refused:
                diagnostics.add(refused.code, str(refused), request.span, hint=refused.hint)
    return Reshaped(replace_nodes(network, changed) if changed else network, tuple(edits))


# --- enlarge ---------------------------------------------------------------------------------------


def _enlarge(request: Request, directive: syntax.Enlarge, target: str, layer: Layer) -> tuple[Tree, Edit]:
    """A kernel padded with zeros on all sides, and the padding of the layer with it (K-1)."""
    args = cast(Any, layer.args)
    if directive.size != "kernel_size" or not hasattr(args, "kernel_size"):
        raise Refused(
            "F308",
            f"`{target}` has no size `{directive.size}` that can be enlarged",
            "`enlarge PATH kernel_size to K` is for convolutions",
        )
    dims = getattr(type(args), "dims", 2)
    old = per_axis(args.kernel_size, dims)
    new = per_axis(directive.to, dims)
    if len(new) != len(old):
        raise Refused("F308", f"the kernel of `{target}` has {len(old)} sizes", "give one size for each axis")
    if any(n < k for n, k in zip(new, old)):
        raise Refused(
            "F303",
            f"the kernel of `{target}` is {_shown(old)}, and growth cannot shrink it",
            "ask for a larger size",
        )
    if any((n - k) % 2 for n, k in zip(new, old)):
        raise Refused(
            "F321", f"from {_shown(old)} to {_shown(new)} the padding would be asymmetric", "enlarge by an even number"
        )
    change: dict[str, Any] = {"kernel_size": new[0] if isinstance(directive.to, int) else new}
    if args.padding != "same":
        padding = per_axis(0 if args.padding == "valid" else args.padding, dims)
        dilation = per_axis(args.dilation, dims)
        more = tuple(p + d * (n - k) // 2 for p, d, n, k in zip(padding, dilation, new, old))
        change["padding"] = more[0] if len(set(more)) == 1 else more
    enlarged = replace(layer, args=type(args)(**{**dict(args), **change}))

    def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        key = f"{layer.old}.{suffix}"
        return Embed(key, shape) if suffix == "weight" else Source(key)

    summary = f"kernel {_shown(old)} -> {_shown(new)}, padding with it"
    return enlarged, Edit(request, target, (enlarged,), start, summary, "zeros around the old kernel", prod(old))


# --- branch ----------------------------------------------------------------------------------------


def _branch(
    request: Request,
    directive: syntax.Branch,
    target: str,
    layer: Layer,
    keys: Keys,
    network: Network,
) -> tuple[Tree, Edit]:
    """A layer as ``into`` parallel layers that add up to it: equal shares, the bias on the first (D-12)."""
    if any(isinstance(node, Reuse) and node.target == layer.key for _, node in walk(network)):
        raise Refused("F320", f"`{target}` is used again by `reuse`, so it cannot become several layers")
    lead = layer.key or "main"
    names, number = [lead], 1
    while len(names) < directive.into:
        if layer.key is None or keys.free(layer, f"{lead}_{number}"):
            names.append(f"{lead}_{number}")
            if layer.key is not None:
                keys.take(layer, names[-1])
        number += 1
    branches = tuple(
        replace(
            layer, key=name, let=None, old=layer.old if not position else None, like=None if not position else layer.old
        )
        for position, name in enumerate(names)
    )
    named = any(layer.key in _names(node) for _, node in walk(network)) if layer.key else False
    let = layer.let or (layer.key if named else None)
    parallel = Scope(kind="parallel", mode="add", children=branches, let=let, origin=layer.origin)
    count = directive.into

    def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
        if suffix == "weight":
            return Share(f"{layer.old}.weight", position, count)
        return Constant(0.0, shape) if position else Source(f"{layer.old}.{suffix}")

    summary = f"{count} parallel layers: {', '.join(names)}"
    return parallel, Edit(request, target, branches, start, summary, "equal shares that add up to the old layer")


def _names(node: Tree) -> tuple[str | None, ...]:
    """Values that a node takes by name."""
    if isinstance(node, Output):
        return (node.value,)
    return getattr(node, "sources", None) or ()


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
