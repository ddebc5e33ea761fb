"""Copies of layers that are to become identities: what of them may change the shape is set so that it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from ...architecture.ops import OPERATIONS
from ...architecture.ops.fields import per_axis
from ...architecture.tree import Layer, Scope, Tree
from ..edit_tree import clone
from ..refusal import Refused


@dataclass(frozen=True, eq=False)
class Run:
    """What a directive repeats once: layers that follow one another, or a composite.

    ``names`` are the keys of the new nodes, None for those without one.  ``output`` is the shape behind the
    last layer with a kernel, which all copies keep.  ``numbered``: inside ``sequential`` or ``repeat``, where new
    layers need no key.  ``width`` is that of ``to M``.  ``fresh`` gives a free key beside the run, by wish.
    """

    nodes: tuple[Tree, ...]
    names: tuple[str | None, ...]
    output: tuple[int, ...]
    numbered: bool
    width: int | None
    fresh: Callable[[str], str]


def copies(run: Run) -> tuple[Tree, ...]:
    """Each node of the run again, with kernels that keep the shape."""
    return tuple(copied(node, name, run.output) for node, name in zip(run.nodes, run.names))


def copied(node: Tree, name: str | None, output: tuple[int, ...]) -> Tree:
    new = clone(node, key=name)
    if isinstance(new, (Layer, Scope)) and new.sources is not None:
        # It reads what the old one gives, whatever that reads.
        new = replace(new, sources=None)
    if isinstance(new, Scope):
        # A group may begin with the layer that changes the shape: its copy keeps it.
        return _keeping_group(new, output)
    return replace(new, args=keeping(new, output)) if is_map(new) else new  # type: ignore[arg-type]


def is_map(node: Tree) -> bool:
    """Whether the node is a layer with a kernel."""
    return isinstance(node, Layer) and OPERATIONS[node.op].affine == "map"


def is_norm(node: Tree) -> bool:
    return isinstance(node, Layer) and OPERATIONS[node.op].affine == "norm"


def is_activation(node: Tree) -> bool:
    return isinstance(node, Layer) and OPERATIONS[node.op].activation is not None


def is_run(scope: Scope) -> bool:
    """A convolution-norm-activation group: one layer with a kernel, and what follows it in one line."""
    layers = [child for child in scope.children if isinstance(child, Layer) and len(child.sources or ()) < 2]
    maps = [child for child in layers if is_map(child)]
    return len(layers) == len(scope.children) and len(maps) == 1 and not scope.shortcut


def _keeping_group(scope: Scope, output: tuple[int, ...]) -> Scope:
    """A copied conv-norm-activation group whose kernel keeps the shape; other groups as they are."""
    if not is_run(scope):
        return scope
    return replace(
        scope,
        children=tuple(replace(c, args=keeping(c, output)) if is_map(c) else c for c in scope.children),  # type: ignore[arg-type]
    )


def keeping(layer: Layer, output: tuple[int, ...]) -> Any:
    """The arguments of an inserted layer: stride 1, dilation 1, the same groups, size-keeping padding.

    Of neighbours that are inserted as one unit (D-3), each has as many units as come in.
    """
    args = cast(Any, layer.args)  # the arguments of a convolution or a linear layer
    change: dict[str, Any] = {}
    if not hasattr(args, "kernel_size"):
        change["out_features"] = output[-1]
    if hasattr(args, "kernel_size"):
        dims = type(args).dims if hasattr(type(args), "dims") else len(output) - 1
        kernel = per_axis(args.kernel_size, dims)
        if any(k % 2 == 0 for k in kernel):
            raise Refused(
                "F321",
                f"a kernel of {shown(kernel)} has no centre, so there is no centred identity",
                "deepen a layer with odd kernel sizes",
            )
        padding = tuple(k // 2 for k in kernel)
        change["stride"], change["dilation"] = 1, 1
        if args.padding != "same":
            change["padding"] = padding[0] if len(set(padding)) == 1 else padding
        if hasattr(args, "output_padding"):
            change["output_padding"] = 0
        change["out_channels"] = output[0]
        if args.groups == args.out_channels:  # depthwise
            change["groups"] = output[0]
        elif output[0] % args.groups:
            raise Refused("F321", f"{output[0]} units do not divide into {args.groups} groups")
    return type(args)(**{**dict(args), **change})


def shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
