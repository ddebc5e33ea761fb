"""Network Morphism in depth (Wei et al. 2016): an identity and an activation that starts as one (D-11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...architecture.ops import OPERATIONS
from ...architecture.tree import Layer, Scope, Tree
from ..identity import Identity, NoIdentity
from ..part import Part
from .base import Deepening
from .copies import Run, copies, is_activation

RECTIFIERS = ("relu", "leaky_relu", "prelu", "identity")
"""What ``prelu`` becomes as its slope goes down."""


class NetMorph(Deepening):
    name = "netmorph"
    using = "netmorph"
    ids = "D-11"
    paper = "Network Morphism (Wei et al. 2016)"
    place = "behind a layer, whatever activation follows it"
    kinds = "bitwise; eval-only with a batch norm"
    condition = "odd kernel; inputs are finite"
    trainability = "kernel and slope learn from the first step; the activation bends as its parameter moves"

    def layers(self, run: Run) -> tuple[Tree, ...]:
        new = copies(run)
        if len(new) == 1 and isinstance(new[0], Scope):
            return (self.element(new[0]),)
        place = next((i for i, node in enumerate(new) if is_activation(node)), None)
        if place is None:
            return (*new, starting(None, self._key(run)))
        old = new[place]
        assert isinstance(old, Layer)
        return (*new[:place], starting(old, old.key or self._key(run)), *new[place + 1 :])

    def _key(self, run: Run) -> str | None:
        return None if run.numbered else run.fresh(f"{run.names[0] or 'layer'}_act")

    def element(self, node: Tree) -> Tree:
        """Every activation of a composite replaced, unless it is residual: then its branch is what starts at zero."""
        return _bending(node, set()) if isinstance(node, Scope) else node

    def identity(self, part: Part) -> Identity:
        identity = part.solve()
        if identity.zeroed:
            raise NoIdentity(
                "`netmorph` does not apply here: a residual block starts as the identity by a zero branch",
                "use `zero` or `r2r`",
            )
        return identity

    def why(self, identity: Identity) -> str:
        return "identity kernels, and an activation that starts as the identity and bends in training"


def _bending(scope: Scope, above: set[str | None]) -> Scope:
    """A composite with activations that start as the identity; ``above`` are the names that it shares."""
    if _residual(scope):
        return scope
    taken = above | set(_names(scope))
    children: list[Tree] = []
    for child in scope.children:
        if is_activation(child):
            assert isinstance(child, Layer)
            key = child.key or (None if scope.numbered else _free(taken))
            taken.add(key)
            children.append(starting(child, key))
        elif isinstance(child, Scope):
            shares = child.key is None and not scope.numbered
            new = _bending(child, taken if shares else set())
            taken |= set(_names(new)) if shares else set()
            children.append(new)
        else:
            children.append(child)
    return replace(scope, children=tuple(children))


def _names(scope: Scope) -> Iterator[str | None]:
    """Keys of the namespace of a composite: those of composites without a key inside it are in it too."""
    for child in scope.children:
        yield child.key
        if isinstance(child, Scope) and child.key is None and not scope.numbered:
            yield from _names(child)


def starting(old: Layer | None, key: str | None) -> Layer:
    """An activation like ``old`` with a parameter by which it starts as the identity."""
    op = old.op if old is not None else "relu"
    if op in RECTIFIERS:
        return _layer(old, key, "prelu", {"init": 1.0})
    assert old is not None
    if op == "parametric":
        return _layer(old, key, op, {**dict(old.args), "init": 1.0})
    return _layer(old, key, "parametric", {"activation": op, **_own(old.args)})


def _layer(old: Layer | None, key: str | None, kind: str, given: dict[str, Any]) -> Layer:
    args = OPERATIONS[kind].Args(**given)
    if old is None:
        return Layer(key=key, op=kind, args=args)
    # It has no statement of its own: the user's says another activation.
    return Layer(key=key, let=old.let, op=kind, args=args, sources=old.sources, like=old.like)


def _own(args: Any) -> dict[str, Any]:
    fields = type(args).model_fields
    return {name: getattr(args, name) for name in fields if getattr(args, name) != fields[name].default}


def _residual(node: Scope) -> bool:
    return node.kind == "residual" or any(isinstance(child, Scope) and _residual(child) for child in node.children)


def _free(taken: set[str | None]) -> str:
    key, number = "act", 1
    while key in taken:
        number += 1
        key = f"act_{number}"
    return key
