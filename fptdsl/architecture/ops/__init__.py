"""The operations of the language by name.  The world is closed: what is not here cannot be used."""

from __future__ import annotations

from .adaptive import AdaptiveAvgPool2d, AdaptiveMaxPool2d, GlobalAvgPool, GlobalMaxPool
from .attention import Attention, SplitHeads
from .base import Lowering, Operation, OpFault
from .combine import Add, Concat, Mul
from .constants import Multiply, Softcap
from .convolution import Conv1d, Conv2d
from .dropout import Dropout, Dropout2d, StochasticDepth
from .embedding import Embedding
from .layer_norms import LayerNorm, RMSNorm
from .linear import Linear, TransposedLinear
from .maxout import Maxout
from .norms import BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm2d
from .parametric import Parametric
from .pointwise import POINTWISE
from .pools import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from .positions import ClassToken, FullLike, Positions, PositionTable, RelativePositionBias
from .recurrent import GRU, LSTM
from .refuse import Refuse
from .reordering import Mean, Permute, Select, Transpose
from .response_norm import LocalResponseNorm
from .rotary import Rotary
from .scale import Scale
from .shapes import Flatten, PadChannels, Subsample2d, Upsample
from .shift import Shift
from .slicing import Narrow
from .softmax import LogSoftmax, Softmax
from .tied import TiedLinear
from .transposed import ConvTranspose2d

__all__ = ["OPERATIONS", "Lowering", "OpFault", "Operation"]

_ALL: tuple[type[Operation], ...] = (
    Linear, TransposedLinear, Conv1d, Conv2d, ConvTranspose2d, Embedding, LSTM, GRU,
    BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm, RMSNorm, LocalResponseNorm,
    MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d,
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, GlobalAvgPool, GlobalMaxPool,
    Flatten, Permute, Transpose, Select, Mean, Upsample, Subsample2d, PadChannels,
    Add, Mul, Concat, Scale, Shift, Multiply, Softcap, Narrow,
    SplitHeads, Rotary, Attention, RelativePositionBias,
    Positions, FullLike, ClassToken, PositionTable, TiedLinear,
    *POINTWISE, Parametric, Maxout, Softmax, LogSoftmax, Dropout, Dropout2d, StochasticDepth,
    Refuse,
)  # fmt: skip

OPERATIONS: dict[str, type[Operation]] = {operation.name: operation for operation in _ALL}
