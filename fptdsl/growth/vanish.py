"""Making a value of an inserted part zero: by a scale or kernel of zeros (D-9), or by units that cancel (D-8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..architecture.graph import Node, Value
from ..architecture.ops import OPERATIONS
from ..architecture.terms import Cat, Prod, Space, Term, resolve
from .facts import Facts
from .identity import NoIdentity, Solver
from .recipe import Constant

ZEROS: dict[str, float] = {"scale": 0.0, "offset scale": -1.0, "shift": 0.0}
"""What makes a norm or scale give zero, by what the tensor is (T-12)."""

OTHER_NORMS = frozenset({"layernorm", "rmsnorm", "groupnorm", "instancenorm2d"})
"""Besides batch norms: what divides by a deviation."""


def zero(solver: Solver, value: Value) -> None:
    """Make ``value`` zero by the nearest scale or kernel; raises NoIdentity."""
    node = _inside(solver, value)
    operation = OPERATIONS[node.op]
    inits = {tensor.init for tensor in node.tensors.values()}
    if inits & {"scale", "offset scale"}:
        for tensor in node.tensors.values():
            if tensor.init in ZEROS:
                solver.found.starts[tensor.name] = Constant(ZEROS[tensor.init], tensor.shape)
        solver.found.zeroed += (node.name,)
    elif operation.affine == "map":
        for suffix in ("weight", "bias"):
            if suffix in node.tensors:
                tensor = node.tensors[suffix]
                solver.found.starts[tensor.name] = Constant(0.0, tensor.shape)
        solver.found.zeroed += (node.name,)
    elif operation.annihilates:
        _one_factor(node, lambda operand: zero(solver, operand))
    elif operation.keeps_zero or operation.affine == "norm":
        # A norm without scale keeps zero: its fresh running mean is zero.
        if _is_norm(node):
            solver.found.blown += (node.name,)
        for operand in node.inputs:
            zero(solver, operand)
    else:
        raise NoIdentity(f"`{node.name}` ({node.op}) makes something of zero")


class PairSolver(Solver):
    """Branches vanish by pairs: the last layer reads units that are equal with opposite signs (R2R, D-8)."""

    facts: Mapping[Space, Facts] = {}
    """Of the Spaces of the network with the inserted parts."""

    def zero(self, value: Value) -> None:
        node = _inside(self, value)
        operation = OPERATIONS[node.op]
        inits = {tensor.init for tensor in node.tensors.values()}
        # Sums over twins are zero but for rounding, and this norm takes that for the size of its values.
        if _is_norm(node) and not getattr(node.args, "track_running_stats", False):
            raise NoIdentity(
                f"`{node.name}` ({node.op}) divides by the size of what comes in: pairs cancel but for rounding, which "
                "it would multiply by up to 1/sqrt(eps)",
                "use `zero`: its zeros have no rounding",
            )
        if operation.affine == "map":
            self._cancel(node)
        elif operation.annihilates:
            _one_factor(node, self.zero)
        elif operation.affine == "norm" or inits & {"scale", "offset scale"} or operation.keeps_zero:
            # The value is zero before the norm, and a shift or mean of zero keeps it so.
            for tensor in node.tensors.values():
                if tensor.init in ("shift", "mean"):
                    self.found.starts[tensor.name] = Constant(0.0, tensor.shape)
            # A batch of zeros has no variance: rounding is divided by the square root of eps in training.
            self.found.eval_only |= _is_norm(node)
            for operand in node.inputs:
                self.zero(operand)
        else:
            raise NoIdentity(
                f"`{node.name}` ({node.op}) makes something of zero, so no branch that ends in it vanishes",
                "deepen a layer inside it with `netmorph`",
            )

    def _cancel(self, node: Node) -> None:
        weight = node.tensors["weight"]
        reads = [axis for axis, role in zip(weight.axes, weight.roles) if role == "reads"]
        if not reads:
            raise NoIdentity(f"`{node.name}` reads each unit by itself, so pairs do not cancel in it", "use `zero`")
        found = list(_own(reads[0], self._is_own))
        if not found:
            raise NoIdentity(f"the units that `{node.name}` reads cannot come in pairs", "use `zero`")
        for space in found:
            self._check(space, node)
        if "bias" in node.tensors:
            tensor = node.tensors["bias"]
            self.found.starts[tensor.name] = Constant(0.0, tensor.shape)
        self.found.twins = tuple(dict.fromkeys((*self.found.twins, *found)))
        self.found.cancelled += (node.name,)

    def _check(self, space: Space, node: Node) -> None:
        """The Space is the part's own, has two units or more, and twins stay equal in it."""
        facts = self.facts.get(space)
        if facts is None or space.frozen is not None:
            raise NoIdentity(f"the units that `{node.name}` reads are fixed: {space.frozen or 'no layer has them'}")
        if not self._is_own(space):
            raise NoIdentity(
                f"the branch is a single layer: `{node.name}` reads what comes in, which has no pairs",
                "R2R needs two layers in the branch; `zero` does not",
            )
        if space.size < 2:
            raise NoIdentity(f"`{node.name}` reads one unit, and a pair needs two", "use `zero`")
        event = facts.first("groups", "gather", "max")
        if event is not None:
            raise NoIdentity(f"`{event.where}` keeps twins apart that lie in different groups", "use `zero`")

    def _is_own(self, space: Space) -> bool:
        """Whether only tensors of the part have the Space."""
        own = {tensor.name for inner in self.nodes for tensor in inner.tensors.values()}
        facts = self.facts.get(space)
        return facts is not None and all(tensor.name in own for tensor, _ in facts.tensors)


def _own(term: Term, is_own: Callable[[Space], bool]) -> Iterator[Space]:
    """The Spaces of an axis that must be paired: one factor of a product, every part of a concatenation.

    The outermost factor that is the part's own: heads, but where other layers have them too (T5's have the biases of
    their scores in common) the units of each.
    """
    term = resolve(term)
    if isinstance(term, Space):
        if term.frozen is None:
            yield term
    elif isinstance(term, Prod):
        factors = [leaves for leaves in (list(_own(f, is_own)) for f in term.factors) if leaves]
        yield from next((leaves for leaves in factors if all(map(is_own, leaves))), factors[0] if factors else [])
    elif isinstance(term, Cat):
        for part in term.parts:
            yield from _own(part, is_own)


def _is_norm(node: Node) -> bool:
    return OPERATIONS[node.op].affine == "norm" or node.op in OTHER_NORMS


def _inside(solver: Solver, value: Value) -> Node:
    if value is solver.source:
        raise NoIdentity("the sum adds its own input twice, so it cannot be the identity")
    return solver.inside(value)


def _one_factor(node: Node, vanish: Callable[[Value], None]) -> None:
    """A product is zero when one factor is."""
    reason: NoIdentity | None = None
    for operand in node.inputs:
        try:
            vanish(operand)
        except NoIdentity as caught:
            reason = caught
            continue
        return
    assert reason is not None
    raise reason
