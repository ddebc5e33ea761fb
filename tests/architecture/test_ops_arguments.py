"""Arguments: torch's names, order and defaults; what is not one is refused in the user's words."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from operations import arguments
from pydantic import ValidationError
from torch import nn

from fptdsl.architecture.ops import OPERATIONS
from fptdsl.architecture.ops.fields import per_axis

LAYERS: dict[str, type[nn.Module]] = {
    "linear": nn.Linear,
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "batchnorm1d": nn.BatchNorm1d,
    "batchnorm2d": nn.BatchNorm2d,
    "groupnorm": nn.GroupNorm,
    "instancenorm2d": nn.InstanceNorm2d,
    "maxpool1d": nn.MaxPool1d,
    "maxpool2d": nn.MaxPool2d,
    "avgpool1d": nn.AvgPool1d,
    "avgpool2d": nn.AvgPool2d,
    "adaptive_avgpool2d": nn.AdaptiveAvgPool2d,
    "adaptive_maxpool2d": nn.AdaptiveMaxPool2d,
    "flatten": nn.Flatten,
    "upsample": nn.Upsample,
    "prelu": nn.PReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "hardtanh": nn.Hardtanh,
    "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax,
    "dropout": nn.Dropout,
    "dropout2d": nn.Dropout2d,
}
NOT_TAKEN = {
    "in_features", "in_channels", "num_features", "num_channels", "device", "dtype", "inplace", "return_indices",
    "min_value", "max_value", "recompute_scale_factor",
}  # fmt: skip


@pytest.mark.parametrize("op", LAYERS)
def test_names_order_and_defaults_are_those_of_torch(op: str) -> None:
    signature = inspect.signature(LAYERS[op].__init__)
    expected = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in NOT_TAKEN | {"self", "args", "kwargs"}
    }
    if "norm" in op:
        # New in torch 2.13; older versions that are supported too do not have it.
        expected.pop("bias", None)
    fields = OPERATIONS[op].Args.model_fields
    assert list(fields) == list(expected)
    for name, default in expected.items():
        if default is not inspect.Parameter.empty:
            assert fields[name].default == default, name
        else:
            assert fields[name].is_required(), name


def test_every_operation_is_registered_under_its_name() -> None:
    assert all(name == operation.name for name, operation in OPERATIONS.items())
    assert all(operation.__doc__ for operation in OPERATIONS.values())


CONV = {"out_channels": 8, "kernel_size": 3}
INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("linear", {"out_features": 0}, "greater than or equal to 1"),
    ("linear", {"out_features": True}, "valid integer"),
    ("linear", {"out_features": 2.0}, "valid integer"),
    ("linear", {"out_features": 2**31 + 1}, "less than or equal to 2147483648"),
    ("linear", {"out_features": 8, "bias": 1}, "valid boolean"),
    ("linear", {"out_features": 8, "in_features": 3}, "not permitted"),
    ("conv2d", {"out_channels": 8}, "required"),
    ("conv2d", CONV | {"kernel_size": 0}, "should be a whole number from 1 or a list of two of them, not 0"),
    ("conv2d", CONV | {"kernel_size": True}, "should be a whole number from 1 or a list of two of them, not true"),
    ("conv2d", CONV | {"kernel_size": [3, 3, 3]}, "not [3, 3, 3]"),
    ("conv2d", CONV | {"kernel_size": [3, "a"]}, 'not [3, "a"]'),
    ("conv1d", CONV | {"kernel_size": [3, 3]}, "a list of one of them"),
    ("conv2d", CONV | {"stride": [1, 0]}, "should be a whole number from 1"),
    ("conv2d", CONV | {"padding": -1}, "should be a whole number from 0"),
    ("conv2d", CONV | {"padding": "full"}, 'should be "same", "valid" or a whole number, not "full"'),
    ("conv2d", CONV | {"padding": "same", "stride": 2}, "the stride must be 1"),
    ("conv2d", CONV | {"padding_mode": "mirror"}, "'zeros', 'reflect', 'replicate' or 'circular'"),
    ("conv2d", CONV | {"groups": 3}, "out_channels (8) must be a multiple of groups (3)"),
    ("conv2d", CONV | {"groups": 0}, "greater than or equal to 1"),
    ("conv_transpose2d", CONV | {"padding_mode": "reflect"}, "'zeros'"),
    ("conv_transpose2d", CONV | {"output_padding": 1}, "output_padding must be smaller than the stride"),
    ("conv_transpose2d", CONV | {"groups": 5}, "multiple of groups (5)"),
    ("batchnorm2d", {"eps": -1.0}, "greater than or equal to 0"),
    ("batchnorm2d", {"eps": float("nan")}, "finite number"),
    ("batchnorm2d", {"momentum": "x"}, "valid number"),
    ("maxpool2d", {"kernel_size": 2, "stride": 0}, "should be a whole number from 1"),
    ("maxpool2d", {"kernel_size": 2, "dilation": 0}, "should be a whole number from 1"),
    ("avgpool2d", {"kernel_size": 2, "divisor_override": 0}, "greater than or equal to 1"),
    ("avgpool2d", {"kernel_size": 2, "dilation": 2}, "not permitted"),
    ("adaptive_avgpool2d", {"output_size": 0}, "should be a whole number from 1"),
    ("adaptive_avgpool2d", {"output_size": [1, 2, 3]}, "not [1, 2, 3]"),
    ("adaptive_avgpool2d", {"output_size": [None, -1]}, "not -1"),
    ("upsample", {}, "give either size or scale_factor"),
    ("upsample", {"size": 2, "scale_factor": 2}, "give either size or scale_factor"),
    ("upsample", {"scale_factor": 0}, "should be a number above 0"),
    ("upsample", {"scale_factor": True}, "not true"),
    ("upsample", {"scale_factor": 2, "align_corners": False}, 'align_corners is for mode="bilinear"'),
    ("subsample2d", {"stride": 0}, "greater than or equal to 1"),
    ("pad_channels", {"before": -1, "after": 0}, "greater than or equal to 0"),
    ("pad_channels", {"before": 1}, "required"),
    ("dropout", {"p": 1.5}, "less than or equal to 1"),
    ("dropout", {"p": -0.1}, "greater than or equal to 0"),
    ("dropout", {"p": True}, "valid number"),
    ("softplus", {"beta": 0.0}, "beta must be above 0"),
    ("hardtanh", {"min_val": 2, "max_val": 1}, "min_val (2.0) must be below max_val (1.0)"),
    ("gelu", {"approximate": "erf"}, "'none' or 'tanh'"),
    ("prelu", {"num_parameters": 0}, "greater than or equal to 1"),
    ("maxout", {"pieces": 0}, "greater than or equal to 1"),
    ("relu", {"inplace": True}, "not permitted"),
    ("concat", {"dim": "channels"}, "valid integer"),
]


@pytest.mark.parametrize(("op", "given", "part"), INVALID)
def test_invalid_arguments(op: str, given: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError) as caught:
        arguments(op, **given)
    assert any(part in error["msg"] for error in caught.value.errors()), caught.value.errors()


def test_numbers_per_axis_are_kept_as_given() -> None:
    args: Any = arguments("conv2d", out_channels=8, kernel_size=[1, 7], padding=(0, 3), stride=2)
    assert (args.kernel_size, args.padding, args.stride) == ((1, 7), (0, 3), 2)
    assert per_axis(args.stride, 2) == (2, 2)
    assert per_axis(args.padding, 2) == (0, 3)
    again = OPERATIONS["conv2d"].Args.model_validate(args.model_dump())
    assert again == args


def test_whole_numbers_stand_for_floats() -> None:
    args: Any = arguments("dropout", p=1)
    assert args.p == 1.0
