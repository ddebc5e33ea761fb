"""Every property in the table of activations, measured on torch's functions."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite

import pytest
import torch
from operations import arguments
from torch import Tensor
from torch.nn import functional as F

from fptdsl.architecture.activations import ACTIVATIONS, SOFTMAX, Activation, activation_of
from fptdsl.architecture.ops import OPERATIONS

Function = Callable[[Tensor], Tensor]
FUNCTIONS: dict[str, Function] = {
    "identity": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "hardtanh": F.hardtanh,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
    "elu": F.elu,
    "selu": F.selu,
    "mish": F.mish,
    "gelu": F.gelu,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hardsigmoid": F.hardsigmoid,
}
VARIANTS: list[tuple[str, dict[str, float | str], Function]] = [
    *((name, {}, function) for name, function in FUNCTIONS.items()),
    ("leaky_relu", {"negative_slope": 0.3}, lambda x: F.leaky_relu(x, 0.3)),
    ("leaky_relu", {"negative_slope": 0.0}, lambda x: F.leaky_relu(x, 0.0)),
    ("leaky_relu", {"negative_slope": 1.0}, lambda x: F.leaky_relu(x, 1.0)),
    ("leaky_relu", {"negative_slope": -0.5}, lambda x: F.leaky_relu(x, -0.5)),
    ("elu", {"alpha": 0.5}, lambda x: F.elu(x, 0.5)),
    ("elu", {"alpha": -2.0}, lambda x: F.elu(x, -2.0)),
    ("gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    ("hardtanh", {"min_val": 0.0, "max_val": 6.0}, lambda x: F.hardtanh(x, 0.0, 6.0)),
    ("hardtanh", {"min_val": 0.5, "max_val": 2.0}, lambda x: F.hardtanh(x, 0.5, 2.0)),
    ("softplus", {"beta": 2.0}, lambda x: F.softplus(x, beta=2.0)),
]
X = torch.cat(
    [torch.linspace(-9, 9, 4001, dtype=torch.float64), torch.tensor([0.0, 1.0, 6.0, -1.0, 3.0, -3.0]).double()]
)

cases = pytest.mark.parametrize(("name", "args", "function"), VARIANTS)


def entry(name: str, args: dict[str, float | str]) -> Activation:
    return activation_of(name, arguments(name, **args))


def test_the_table_has_every_activation() -> None:
    assert set(ACTIVATIONS) == set(FUNCTIONS)
    assert {operation.activation for operation in OPERATIONS.values()} == {*FUNCTIONS, "parametric", None}
    assert all(OPERATIONS[name].keeps_zero == entry.zero_at_zero for name, entry in ACTIVATIONS.items())


@cases
def test_zero_at_zero(name: str, args: dict[str, float | str], function: Function) -> None:
    assert entry(name, args).zero_at_zero == bool(function(torch.zeros(1)).item() == 0)


@cases
def test_idempotent(name: str, args: dict[str, float | str], function: Function) -> None:
    once = function(X)
    assert entry(name, args).idempotent == torch.equal(function(once), once)


@cases
def test_paired(name: str, args: dict[str, float | str], function: Function) -> None:
    difference = function(X) - function(-X)
    constant = entry(name, args).paired
    if constant is not None:
        torch.testing.assert_close(difference, constant * X, rtol=1e-12, atol=1e-12 if name != "softplus" else 3e-9)
    elif name != "prelu":  # its slope is in the checkpoint
        slope = (difference @ X) / (X @ X)
        assert (difference - slope * X).abs().max() > 1e-2


@cases
def test_homogeneous(name: str, args: dict[str, float | str], function: Function) -> None:
    scaled = torch.allclose(function(2.5 * X), 2.5 * function(X), rtol=1e-12, atol=1e-12)
    assert entry(name, args).homogeneous == scaled


@cases
def test_values_and_where_it_is_the_identity(name: str, args: dict[str, float | str], function: Function) -> None:
    known = entry(name, args)
    wide = torch.cat([X, torch.linspace(-1e4, 1e4, 2001, dtype=torch.float64)])
    assert known.values[0] <= function(wide).min()
    assert function(wide).max() <= known.values[1]
    low, high = known.identity_on
    inside = wide[(wide >= low) & (wide <= high)]
    assert torch.equal(function(inside), inside)
    if low <= high:
        for edge, step in ((low, -0.1), (high, 0.1)):
            beyond = torch.tensor([edge + step], dtype=torch.float64)
            assert not isfinite(edge) or not torch.equal(function(beyond), beyond)


def test_fixes() -> None:
    samples = {name: function(X) for name, function in FUNCTIONS.items()}
    samples["softmax"] = torch.softmax(X, 0)
    for name, function in FUNCTIONS.items():
        for other, values in samples.items():
            claimed = other in ACTIVATIONS[name].fixes
            if claimed:
                assert torch.equal(function(values), values), f"{name} of {other}"
    assert ACTIVATIONS["relu"].fixes == {"relu", "relu6", "softplus", "sigmoid", "hardsigmoid", "softmax"}
    assert ACTIVATIONS["relu6"].fixes == {"relu6", "sigmoid", "hardsigmoid", "softmax"}
    assert ACTIVATIONS["hardtanh"].fixes == {"hardtanh", "tanh", "sigmoid", "hardsigmoid", "softmax"}
    assert ACTIVATIONS["sigmoid"].fixes == frozenset()
    assert ACTIVATIONS["identity"].fixes == {*FUNCTIONS, "softmax"}
    assert SOFTMAX.values == (0.0, 1.0)
    assert ACTIVATIONS["identity"].values == (-inf, inf)
