"""``enlarge``, ``branch`` and factorisation: old layers that get another form (Network Morphism, K-1, D-12, D-10).

All are edits of the tree with new starts for tensors that were there before: a kernel in the middle of a
larger one, equal shares of a layer (``branches.py``), two factors, a table with more rows (``table_rows.py``), or
heads of keys and values several times in a row (``replicate.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ..architecture.graph import Graph
from ..architecture.ops import OPERATIONS
from ..architecture.ops.fields import per_axis
from ..architecture.tree import Layer, Network, Scope, Tree, walk
from ..diagnostics import Diagnostics
from ..language import syntax
from .branches import branch_layer, branch_skips, is_reused
from .deepening import asked_for
from .deepening.copies import is_activation
from .deepening.factor import Factor, Split, split
from .edit_tree import Insertions, Keys, insert, parents, replace_nodes
from .new_form import Edit
from .recipe import Embed, Source, Start
from .refusal import Refused
from .replicate import Copies
from .requests import Request
from .table_rows import append_rows


@dataclass(frozen=True, eq=False)
class Reshaped:
    network: Network
    edits: tuple[Edit, ...]
    replaced: Mapping[int, Tree]
    """New nodes by the ids of those that they are in the places of."""

    def starts(self, graph: Graph) -> dict[str, Start]:
        """Starts by the names of the tensors of the edited network's graph."""
        nodes = {id(node.tree): node for node in graph.nodes if node.reused is None}
        found: dict[str, Start] = {}
        for edit in self.edits:
            for position, layer in enumerate(edit.layers):
                for suffix, tensor in nodes[id(layer)].tensors.items():
                    found[tensor.name] = edit.start(position, suffix, tensor.shape)
        return found


def factorises(request: Request) -> bool:
    """Whether a ``deepen`` makes two factors of a layer, in place of inserting one."""
    method = asked_for(request.method) if isinstance(request.directive, syntax.Deepen) else None
    return isinstance(method, Factor)


def reshape(network: Network, old: Graph, requests: Sequence[Request], diagnostics: Diagnostics) -> Reshaped:
    """The network with all layers in their new form; a layer named twice is a fault.

    ``network`` has the insertions of ``deepen`` already; ``old`` is the graph before them.
    """
    forms = _Forms(network, old, requests)
    for request in requests:
        for target in request.targets:
            try:
                forms.add(request, target)
            except Refused as refused:
                diagnostics.add(refused.code, str(refused), request.span, hint=refused.hint)
    return forms.reshaped()


class _Forms:
    """New forms of the layers of one network, collected one request and target at a time."""

    def __init__(self, network: Network, old: Graph, requests: Sequence[Request]) -> None:
        self._network, self._old = network, old
        self._nodes = {node.old: node for _, node in walk(network) if node.old is not None}
        self._around = parents(network) if any(map(factorises, requests)) else {}
        self._keys, self._heads = Keys(network), Copies(old, network)
        self._changed: dict[int, Tree] = {}
        self._before: dict[int, list[Tree]] = {}
        self._shortcuts: dict[int, list[Tree]] = {}
        self._edits: list[Edit] = []

    def reshaped(self) -> Reshaped:
        """The network with everything that was added in it."""
        network, replaced = self._network, dict[int, Tree]()
        if self._before or self._shortcuts:
            network = insert(network, Insertions(before=self._before, shortcut=self._shortcuts))
        if self._changed:
            network = replace_nodes(network, self._changed, replaced)
        return Reshaped(network, tuple(self._edits), replaced)

    def add(self, request: Request, target: str) -> None:
        """The new form of one target; :class:`Refused` where it has none, or has one already."""
        directive, node = request.directive, self._nodes.get(target)
        if isinstance(directive, syntax.Enlarge) and self._heads.asked_for(directive, target):
            self._add_heads(request, directive, target)
        elif not target:
            raise Refused("F320", "`*` is the whole model, not a layer", "name a layer")
        elif isinstance(directive, syntax.Branch) and not isinstance(node, Layer):
            self._add_shortcuts(request, directive, target)
        elif isinstance(directive, syntax.Widen):
            assert isinstance(node, Layer)
            self._once(target, id(node) in self._changed)
            self._replace(node, *append_rows(request, directive, target, node, self._old))
        elif isinstance(directive, syntax.Enlarge) and directive.size != "kernel_size":
            raise _no_size(directive, target)
        elif not isinstance(node, Layer) or OPERATIONS[node.op].affine != "map":
            raise Refused("F320", f"`{target}` is not a layer with a kernel", "name a convolution or a linear layer")
        else:
            self._once(target, id(node) in self._changed)
            self._add_kernel(request, target, node)

    def _add_kernel(self, request: Request, target: str, layer: Layer) -> None:
        """Two factors, a larger kernel or branches in the place of a convolution or linear layer."""
        directive, network, keys = request.directive, self._network, self._keys
        if isinstance(directive, syntax.Deepen):
            around = self._around[id(layer)]
            parts = _factorise(request, directive, target, layer, around, self._old, network, keys)
            self._before[id(layer)] = list(parts.layers[:2])
            why = "the old kernel is the product of the two, with an identity activation between"
            edit = Edit(request, target, parts.layers, parts.start, parts.summary, why, advice=parts.advice)
            self._replace(layer, parts.second, edit)
        elif isinstance(directive, syntax.Enlarge):
            self._replace(layer, *_enlarge(request, directive, target, layer))
        else:
            assert isinstance(directive, syntax.Branch)
            self._replace(layer, *branch_layer(request, directive, target, layer, keys, network))

    def _add_heads(self, request: Request, directive: syntax.Enlarge, target: str) -> None:
        """Heads of keys and values several times in a row, in one attention or in all under a path."""
        for layers, edit in self._heads.edits(request, directive, target):
            if any(edit.request is other.request and edit.replaces == other.replaces for other in self._edits):
                continue  # two names for the same heads
            self._once(target, bool(layers.keys() & self._changed.keys()))
            self._changed.update(layers)
            self._edits.append(edit)

    def _add_shortcuts(self, request: Request, directive: syntax.Branch, target: str) -> None:
        """Branches in the place of the shortcuts of residual blocks."""
        for residual, instead, edit in branch_skips(request, directive, target, self._old, self._network, self._keys):
            self._once(target, id(residual) in self._shortcuts)
            self._shortcuts[id(residual)] = [instead]
            self._edits.append(edit)

    def _replace(self, layer: Layer, tree: Tree, edit: Edit) -> None:
        self._changed[id(layer)] = tree
        self._edits.append(edit)

    @staticmethod
    def _once(target: str, again: bool) -> None:
        if again:
            raise Refused("F305", f"`{target}` cannot get two new forms at once", "keep one of the two lines")


# --- enlarge ---------------------------------------------------------------------------------------


def _enlarge(request: Request, directive: syntax.Enlarge, target: str, layer: Layer) -> tuple[Tree, Edit]:
    """A kernel padded with zeros on all sides, and the padding of the layer with it (K-1)."""
    args = cast(Any, layer.args)
    if not hasattr(args, "kernel_size"):
        raise _no_size(directive, target)
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
    return enlarged, Edit(request, target, (enlarged,), start, summary, "zeros around the old kernel")


def _no_size(directive: syntax.Enlarge, target: str) -> Refused:
    return Refused(
        "F308",
        f"`{target}` has no size `{directive.size}` that can be enlarged",
        "`enlarge PATH kernel_size to K` is for convolutions, `enlarge PATH kv_heads to N` for attention whose heads "
        "share keys and values; all else is for `widen`",
    )


# --- factors ---------------------------------------------------------------------------------------


def _factorise(
    request: Request,
    directive: syntax.Deepen,
    target: str,
    layer: Layer,
    around: tuple[Scope | None, tuple[Tree, ...], int],
    old: Graph,
    network: Network,
    keys: Keys,
) -> Split:
    """Two factors; the second keeps the name, so that what takes the layer's value by name still does."""
    scope, siblings, position = around
    if directive.place is not None:
        raise Refused(
            "F323",
            f"`{target}` becomes two factors where it is",
            "leave out `at`, `after` and `interleaved`",
        )
    if directive.by > 1:
        raise Refused("F323", "`factor=true` makes two layers of one", "`by 1`; grow again for a third factor")
    if is_reused(layer, network):
        raise Refused("F320", f"`{target}` is used again by `reuse`, so it cannot become two layers")
    if scope is not None and scope.kind == "repeat":
        raise Refused("F320", f"`{target}` is numbered by a `repeat`, which has no room for a second layer")
    numbered = scope is not None and scope.numbered and layer.key is None
    names: tuple[str | None, str | None] = (None, None)
    if not numbered:
        number = 1
        stem = directive.name or f"{layer.key}_1"
        while directive.name is None and not keys.free(layer, stem):
            number += 1
            stem = f"{layer.key}_{number}"
        if not keys.free(layer, stem):
            raise Refused("F324", f"there is a `{stem}` already", "choose another name after `as`")
        names = (stem, f"{stem}_act")
        for name in (stem, f"{stem}_act"):
            keys.take(layer, name)
    follows = next((n for n in siblings[position + 1 : position + 3] if is_activation(n)), None)
    region = old.regions[target]
    assert region.input is not None
    shape = region.input.shape
    inputs = shape[0] if hasattr(layer.args, "kernel_size") else shape[-1]
    kernel = request.method.mapping.get("kernel") if request.method is not None else None
    assert follows is None or isinstance(follows, Layer)
    return split(layer, target, inputs, directive.to, kernel, follows, names)


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
