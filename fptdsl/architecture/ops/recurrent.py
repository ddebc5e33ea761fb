"""``lstm``, ``gru``: gated recurrent layers (Hochreiter, Schmidhuber 1997; Cho et al. 2014; ``docs/maths.md`` G-8).

All gates of a layer hold the same units: the axis of the kernels is a concatenation of one Space with
itself.  ``hidden_size`` states the width of all layers and directions, so that they share that Space.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from ..arguments import Args
from ..graph import Value
from ..terms import Term, cat, size
from .axes import announce, floating, shown
from .base import Lowering, Operation, OpFault
from .fields import Flag, Probability, Size


class RecurrentArgs(Args):
    """Arguments of ``torch.nn.LSTM`` without ``input_size``; the batch is always the first axis."""

    hidden_size: Size
    num_layers: Size = 1
    bias: Flag = True
    batch_first: Literal[True] = True
    dropout: Probability = 0.0
    bidirectional: Flag = False


class _Recurrent(Operation):
    """``[steps, in] -> [steps, hidden]`` from a zero state; ``[steps, 2 * hidden]`` in both directions."""

    Args = RecurrentArgs
    has_parameters = True
    gates: ClassVar[int]

    @classmethod
    def lower(cls, at: Lowering, args: RecurrentArgs, inputs: Sequence[Value]) -> Value:
        value = floating(cls, inputs[0])
        if len(value.axes) != 2:
            message = f"`{cls.name}` takes a value of [steps, features]; this one is {shown(value.shape)}"
            raise OpFault("F250", message, "an `embedding` of `int[seq]` gives [seq, features]")
        steps, features = value.axes
        at.freeze(steps, "spatial")
        hidden = at.space(args.hidden_size)
        at.sets("hidden_size", hidden)
        output = cat([hidden] * (1 + args.bidirectional))
        for layer in range(args.num_layers):
            for direction in ("", "_reverse")[: 1 + args.bidirectional]:
                cls.tensors(at, args, f"_l{layer}{direction}", features if layer == 0 else output, hidden)
        if args.dropout and args.num_layers > 1:
            announce(at, "dropout", [hidden])
        announce(at, "pointwise", [hidden], "tanh")
        reads = [size(features if layer == 0 else output) + size(hidden) for layer in range(args.num_layers)]
        at.work(size(steps) * cls.gates * args.hidden_size * sum(reads) * (1 + args.bidirectional))
        return Value((steps, output))

    @classmethod
    def tensors(cls, at: Lowering, args: RecurrentArgs, where: str, features: Term, hidden: Term) -> None:
        """The kernels and biases of one layer in one direction, ``[gates * hidden, ...]``."""
        rows = cat([hidden] * cls.gates)
        at.tensor(f"weight_ih{where}", (rows, features), ("writes", "reads"), "kernel")
        at.tensor(f"weight_hh{where}", (rows, hidden), ("writes", "reads"), "kernel")
        if args.bias:
            at.tensor(f"bias_ih{where}", (rows,), ("follows",), "shift")
            at.tensor(f"bias_hh{where}", (rows,), ("follows",), "shift")


class LSTM(_Recurrent):
    """``[steps, in] -> [steps, hidden]``: long short-term memory; ``weight_ih_l0 [4 * hidden, in]``, ..."""

    name = "lstm"
    gates = 4


class GRU(_Recurrent):
    """``[steps, in] -> [steps, hidden]``: gated recurrent unit; ``weight_ih_l0 [3 * hidden, in]``, ..."""

    name = "gru"
    gates = 3
