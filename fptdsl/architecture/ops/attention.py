"""``split_heads`` and ``attention``: the parts of attention that have no weights (``docs/maths.md`` T-3 to T-6).

The projections are ordinary layers of the spec, so that it names them: separate ones, or one that is cut
with ``narrow``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from ..arguments import Args
from ..graph import Value
from ..terms import Prod, Space, Term, freeze, size, spaces
from .axes import floating, shown
from .base import Lowering, Operation, OpFault
from .fields import Flag, Number, Probability, Size, fault

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class SplitHeadsArgs(Args):
    """``heads``: into how many equal parts the last axis is split."""

    heads: Size


class SplitHeads(Operation):
    """``[..., heads * head_dim] -> [..., heads, head_dim]``, row-major."""

    name = "split_heads"
    Args = SplitHeadsArgs
    keeps_zero = True
    keeps_range = True

    @classmethod
    def lower(cls, at: Lowering, args: SplitHeadsArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        *others, units = value.axes
        if size(units) % args.heads:
            message = f"`{cls.name}` cannot split {size(units)} units into {args.heads} equal heads"
            raise OpFault("F252", message, "the units are a multiple of the heads")
        heads, inner = at.space(args.heads), at.space(size(units) // args.heads)
        at.unify(units, Prod((heads, inner)))
        at.sets("heads", heads)
        return Value((*others, heads, inner))


class AttentionArgs(Args):
    """How the scores ``q k^T`` become shares of the values.

    ``causal``: a position sees itself and those before it; ``window``: of these the last so many.
    ``scale``: the factor of the scores; without it ``1 / sqrt(scale_dim)``, and without that ``1 / sqrt(head_dim)``.
    ``softcap``: the scores go through ``softcap * tanh(scores / softcap)``.  ``dropout``: in train mode single shares
    become 0 with this probability.
    """

    causal: Flag = False
    scale: Number | None = None
    scale_dim: Positive | None = None
    softcap: Positive | None = None
    window: Size | None = None
    dropout: Probability = 0.0

    @model_validator(mode="after")
    def _together(self) -> AttentionArgs:
        if self.window is not None and not self.causal:
            raise fault("window needs causal=true: it counts the positions before")
        if self.scale is not None and self.scale_dim is not None:
            raise fault("give either scale or scale_dim")
        return self


class Attention(Operation):
    """``attention from q, k, v`` with ``[positions, heads, head_dim]`` each gives ``[positions, heads * head_dim]``.

    With fewer key and value heads each serves as many query heads as divide (Ainslie et al. 2023, arXiv
    2305.13245): query head ``n`` reads key head ``n // (heads / kv_heads)``.  A fourth value, ``[heads,
    positions, positions]``, is added to the scores.
    """

    name = "attention"
    Args = AttentionArgs
    inputs = None

    @classmethod
    def lower(cls, at: Lowering, args: AttentionArgs, inputs: Sequence[Value]) -> Value:
        query, key, values = cls._operands(inputs)
        rows, heads, depth = query.axes
        columns, kv_heads, key_depth = key.axes
        at.unify(columns, values.axes[0])
        at.unify(kv_heads, values.axes[1])
        _group(at, heads, kv_heads)
        at.unify(depth, key_depth)
        if any(leaf.frozen is None for leaf in spaces(depth)):
            # Queries and keys are summed over it without a parameter (T-6).
            at.event("actdot", depth)
        if any(leaf.frozen is None for leaf in spaces(heads)):
            # A head is queries, keys and values together.
            at.event("heads", heads)
            if args.dropout:
                # Each head has a mask of its own.
                at.event("dropout", heads)
        freeze(columns, "softmax")
        if len(inputs) == 4:
            at.unify(inputs[3].axes[0], heads)
        at.work(size(rows) * size(columns) * size(heads) * (size(depth) + size(values.axes[2])))
        return Value((rows, Prod((heads, values.axes[2]))))

    @classmethod
    def _operands(cls, inputs: Sequence[Value]) -> Sequence[Value]:
        if len(inputs) not in (3, 4):
            message = f"`{cls.name}` takes queries, keys and values, and at most a bias of the scores"
            raise OpFault("F223", message, "name them: `attention from q, k, v`")
        for value in inputs:
            floating(cls, value)
        query, key, values = inputs[:3]
        if any(len(value.axes) != 3 for value in inputs):
            shapes = " and ".join(shown(value.shape) for value in inputs)
            message = f"`{cls.name}` takes values of [positions, heads, head_dim]; these are {shapes}"
            raise OpFault("F250", message, "split the projections first: `split_heads(heads)`")
        if key.shape[:2] != values.shape[:2] or query.shape[2] != key.shape[2]:
            shapes = " and ".join(shown(value.shape) for value in inputs[:3])
            message = f"`{cls.name}` cannot join queries, keys and values of {shapes}"
            hint = "keys and values have equal positions and heads, queries and keys equal sizes"
            raise OpFault("F255", message, hint)
        if query.shape[1] % key.shape[1]:
            message = f"`{cls.name}` has {query.shape[1]} query heads for {key.shape[1]} key heads"
            raise OpFault("F252", message, "the query heads are a multiple of the key and value heads")
        if len(inputs) == 4 and inputs[3].shape != (query.shape[1], query.shape[0], key.shape[0]):
            wanted = shown((query.shape[1], query.shape[0], key.shape[0]))
            raise OpFault("F255", f"the bias of `{cls.name}` is {shown(inputs[3].shape)} and must be {wanted}")
        return query, key, values


def _group(at: Lowering, heads: Term, kv_heads: Term) -> None:
    """Query heads are ``kv_heads`` groups; without grouping they are the key heads."""
    members = size(heads) // size(kv_heads)
    if members == 1:
        at.unify(heads, kv_heads)
        return
    each = at.space(members)
    assert isinstance(each, Space)
    at.unify(heads, Prod((kv_heads, each)))
