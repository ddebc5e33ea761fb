"""``embedding``: a row of a table for every integer."""

from __future__ import annotations

from collections.abc import Sequence

from ..arguments import Args
from ..graph import Value
from .base import Lowering, Operation, OpFault
from .fields import Size


class EmbeddingArgs(Args):
    """Arguments of ``torch.nn.Embedding``."""

    num_embeddings: Size
    embedding_dim: Size


class Embedding(Operation):
    """``int [...] -> [..., embedding_dim]``; ``weight [num_embeddings, embedding_dim]``."""

    name = "embedding"
    Args = EmbeddingArgs
    has_parameters = True
    table = "num_embeddings"

    @classmethod
    def lower(cls, at: Lowering, args: EmbeddingArgs, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        if value.dtype != "int":
            raise OpFault(
                "F254",
                f"`{cls.name}` takes integers, and this value holds numbers with a fraction",
                "declare the input as `int[...]`",
            )
        rows, units = at.space(args.num_embeddings), at.space(args.embedding_dim)
        at.freeze(rows, "indexed")
        at.sets("embedding_dim", units)
        at.tensor("weight", (rows, units), ("fixed", "writes"), "kernel")
        return Value((*value.axes, units))
