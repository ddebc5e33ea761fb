"""Terms, roles, events and stated sizes: what growth reads from an operation."""

from __future__ import annotations

from typing import Any

import pytest
from operations import Lowered, lower, value

from fptdsl.architecture.graph import Value
from fptdsl.architecture.terms import UNIT, Prod, Space, Term, resolve, size, spaces


def sizes(term: Term) -> Any:
    """A term as nested sizes: ``("x", 2, 3)`` for a product, ``("+", 2, 3)`` for a concatenation."""
    term = resolve(term)
    if isinstance(term, Space):
        return term.size
    return ("x", *map(sizes, term.factors)) if isinstance(term, Prod) else ("+", *map(sizes, term.parts))


def events(lowered: Lowered) -> list[tuple[str, Any, str]]:
    return [(event.kind, sizes(event.term), event.detail) for event in lowered.events]


def units(source: Value) -> Term:
    return resolve(source.axes[0])


def test_linear() -> None:
    source = value(6)
    lowered = lower("linear", source, out_features=4)
    out, reads = lowered.axes("weight")
    assert lowered.roles("weight") == ("writes", "reads")
    assert reads is source.axes[0]
    assert out is lowered.output.axes[0] is lowered.node.sizes["out_features"] is lowered.axes("bias")[0]
    assert lowered.roles("bias") == ("follows",)
    assert [lowered.node.tensors[name].init for name in ("weight", "bias")] == ["kernel", "shift"]
    assert not next(iter(spaces(out))).frozen
    assert lowered.node.macs == 24


def test_plain_convolution() -> None:
    source = value(6, 8, 8)
    lowered = lower("conv2d", source, out_channels=4, kernel_size=3, stride=2, padding=1)
    assert lowered.roles("weight") == ("writes", "reads", "fixed", "fixed")
    assert lowered.axes("weight")[1] is source.axes[0]
    assert [space.frozen for axis in lowered.axes("weight")[2:] for space in spaces(axis)] == ["kernel", "kernel"]
    assert lowered.node.sizes == {"out_channels": lowered.output.axes[0]}
    assert [space.frozen for axis in lowered.output.axes[1:] for space in spaces(axis)] == ["spatial", "spatial"]
    assert lowered.node.macs == 4 * 4 * 4 * 6 * 9


def test_depthwise_convolution_is_a_follower() -> None:
    source = value(6, 8, 8)
    lowered = lower("conv2d", source, out_channels=6, kernel_size=3, groups=6)
    assert lowered.roles("weight") == ("follows", "fixed", "fixed", "fixed")
    assert units(lowered.output) is units(source)
    assert lowered.node.sizes == {"out_channels": source.axes[0], "groups": source.axes[0]}
    assert lowered.axes("weight")[1] == UNIT


def test_depthwise_convolution_with_several_outputs_for_each_channel() -> None:
    source = value(6, 8, 8)
    lowered = lower("conv2d", source, out_channels=18, kernel_size=3, groups=6)
    assert sizes(lowered.output.axes[0]) == ("x", 6, 3)
    assert next(spaces(lowered.output.axes[0])) is units(source)
    assert lowered.roles("weight")[0] == "writes"


def test_grouped_convolution() -> None:
    source = value(6, 8, 8)
    lowered = lower("conv2d", source, out_channels=8, kernel_size=1, groups=2)
    assert sizes(units(source)) == ("x", 2, 3)
    assert sizes(lowered.output.axes[0]) == ("x", 2, 4)
    groups, members = spaces(units(source))
    assert next(spaces(lowered.output.axes[0])) is groups
    assert lowered.axes("weight")[1] is members
    assert lowered.roles("weight")[:2] == ("writes", "reads")
    assert resolve(lowered.node.sizes["groups"]) is groups


def test_grouped_convolution_of_joined_channels() -> None:
    joined = lower("concat", value(4, 2, 2), value(8, 2, 2)).output
    lowered = lower("conv2d", joined, out_channels=3, kernel_size=1, groups=3)
    assert sizes(joined.axes[0]) == ("+", ("x", 1, 4), ("x", 2, 4))
    assert sizes(lowered.node.sizes["groups"]) == ("+", 1, 2)
    assert all(space.frozen is None for space in spaces(joined.axes[0]))


def test_groups_that_do_not_line_up_with_joined_channels_freeze_them() -> None:
    joined = lower("concat", value(3, 2, 2), value(5, 2, 2)).output
    lowered = lower("conv2d", joined, out_channels=4, kernel_size=1, groups=2)
    assert all(space.frozen for space in spaces(joined.axes[0]))
    assert lowered.output.shape == (4, 2, 2)


def test_transposed_convolution_reads_axis_0() -> None:
    source = value(6, 4, 4)
    lowered = lower("conv_transpose2d", source, out_channels=4, kernel_size=2, stride=2)
    assert lowered.roles("weight") == ("reads", "writes", "fixed", "fixed")
    assert lowered.axes("weight")[0] is source.axes[0]
    assert lowered.axes("weight")[1] is lowered.output.axes[0]
    assert lowered.node.macs == 4 * 4 * 6 * 4 * 4


def test_grouped_transposed_convolution_keeps_its_groups() -> None:
    source = value(6, 4, 4)
    lowered = lower("conv_transpose2d", source, out_channels=4, kernel_size=2, groups=2)
    groups, members = spaces(units(source))
    assert groups.frozen == "groups of a transposed convolution"
    assert members.frozen is None
    assert lowered.roles("weight")[:2] == ("reads", "writes")
    depthwise = lower("conv_transpose2d", value(6, 4, 4), out_channels=6, kernel_size=2, groups=6)
    assert depthwise.roles("weight")[:2] == ("follows", "fixed")
    assert depthwise.shapes["weight"] == (6, 1, 2, 2)


def test_batchnorm() -> None:
    source = value(6, 4, 4)
    lowered = lower("batchnorm2d", source)
    tensors = lowered.node.tensors
    assert {name: tensor.init for name, tensor in tensors.items()} == {
        "weight": "scale",
        "bias": "shift",
        "running_mean": "mean",
        "running_var": "variance",
        "num_batches_tracked": "count",
    }
    assert all(tensor.axes == (source.axes[0],) for tensor in list(tensors.values())[:4])
    assert [name for name, tensor in tensors.items() if tensor.buffer] == list(tensors)[2:]
    assert [name for name, tensor in tensors.items() if tensor.optional] == ["num_batches_tracked"]
    assert events(lowered) == [("batchnorm", 6, "")]
    assert events(lower("batchnorm2d", value(6, 4, 4), track_running_stats=False)) == [("batchnorm", 6, "untracked")]


def test_groupnorm() -> None:
    source = value(6, 4, 4)
    lowered = lower("groupnorm", source, num_groups=2)
    assert sizes(units(source)) == ("x", 2, 3)
    assert events(lowered) == [("groups", 3, "")]
    assert sizes(lowered.node.sizes["num_groups"]) == 2
    one = value(6, 4, 4)
    assert events(lower("groupnorm", one, num_groups=1)) == [("groups", 6, "")]
    assert sizes(units(one)) == 6
    each = lower("groupnorm", value(6, 4, 4), num_groups=6)
    assert events(each) == []
    assert sizes(each.node.sizes["num_groups"]) == 6


def test_flatten_is_a_product() -> None:
    assert sizes(lower("flatten", value(6, 4, 2)).output.axes[0]) == ("x", 6, 4, 2)
    source = value(6, 1, 1)
    assert units(lower("flatten", source).output) is units(source)


def test_pad_channels_is_a_concatenation() -> None:
    source = value(6, 4, 4)
    lowered = lower("pad_channels", source, before=2, after=3)
    assert sizes(lowered.output.axes[0]) == ("+", 2, 6, 3)
    assert {name: sizes(term) for name, term in lowered.node.sizes.items()} == {"before": 2, "after": 3}
    only = lower("pad_channels", value(6, 4, 4), before=0, after=3)
    assert sizes(only.output.axes[0]) == ("+", 6, 3)
    assert list(only.node.sizes) == ["after"]
    assert units(lower("pad_channels", source, before=0, after=0).output) is units(source)


def test_sums_tie_their_operands() -> None:
    left, right = value(6, 4, 4), value(6, 4, 4)
    lowered = lower("add", left, right)
    assert units(left) is units(right) is units(lowered.output)
    assert events(lowered) == [("add", 6, "")]
    assert lowered.node.macs == 0


def test_products_tie_a_gate_and_leave_its_unit_axes() -> None:
    gated, gate = value(6, 4, 4), value(6, 1, 1)
    lowered = lower("mul", gated, gate)
    assert units(gated) is units(gate)
    assert lowered.output.shape == (6, 4, 4)
    assert events(lowered) == [("mul", 6, "")]
    assert lowered.node.macs == 96


def test_a_channel_that_is_repeated_is_frozen() -> None:
    mask, gated = value(1, 4, 4), value(6, 4, 4)
    lowered = lower("mul", gated, mask)
    assert next(spaces(mask.axes[0])).frozen == "repeated over 6 units at layer"
    assert next(spaces(gated.axes[0])).frozen is None
    assert lowered.output.shape == (6, 4, 4)


def test_concat() -> None:
    left, right = value(6, 4, 4), value(2, 4, 4)
    lowered = lower("concat", left, right)
    assert sizes(lowered.output.axes[0]) == ("+", 6, 2)
    assert list(spaces(lowered.output.axes[0])) == [units(left), units(right)]
    other = lower("concat", value(6, 4, 4), value(6, 4, 4), dim=2)
    assert other.output.shape == (6, 8, 4)


def test_softmax_freezes_its_axis() -> None:
    lowered = lower("softmax", value(6, 4, 4))
    assert next(spaces(lowered.output.axes[0])).frozen == "softmax"
    assert events(lowered) == [("softmax", 6, "")]


def test_pointwise_events_are_on_what_may_grow() -> None:
    assert events(lower("gelu", value(6, 4, 4))) == [("pointwise", 6, "gelu")]
    assert events(lower("gelu", value(6, frozen=True))) == []
    assert events(lower("dropout", value(6, 4, 4), p=0.1)) == [("dropout", 6, "")]


def test_prelu_slopes() -> None:
    source = value(6, 4, 4)
    each = lower("prelu", source, num_parameters=6)
    assert each.axes("weight") == (source.axes[0],)
    assert each.roles("weight") == ("follows",)
    assert each.node.sizes == {"num_parameters": source.axes[0]}
    shared = lower("prelu", value(6, 4, 4))
    assert shared.shapes["weight"] == (1,)
    assert shared.roles("weight") == ("fixed",)


def test_maxout_splits_units_and_pieces() -> None:
    source = value(6)
    lowered = lower("maxout", source, pieces=3)
    assert sizes(units(source)) == ("x", 2, 3)
    assert units(lowered.output) is next(spaces(units(source)))
    assert events(lowered) == [("max", 3, ""), ("pointwise", 2, "maxout")]
    assert sizes(lowered.node.sizes["pieces"]) == 3


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("conv2d", {"out_channels": 4, "kernel_size": 3}),
        ("maxpool2d", {"kernel_size": 2}),
        ("adaptive_avgpool2d", {"output_size": 1}),
        ("global_avgpool", {}),
        ("batchnorm2d", {}),
        ("groupnorm", {"num_groups": 2}),
        ("subsample2d", {"stride": 2}),
        ("upsample", {"scale_factor": 2}),
    ],
)
def test_operations_over_positions_freeze_them(op: str, args: dict[str, Any]) -> None:
    """A linear layer may make positions that are units; what mixes them must forbid their growth."""
    source = lower("linear", value(6, 4, 4), out_features=8).output
    assert next(spaces(source.axes[2])).frozen is None
    lower(op, source, **args)
    assert next(spaces(source.axes[2])).frozen == "spatial"


@pytest.mark.parametrize("op", ["maxpool2d", "avgpool2d"])
def test_pools_pass_the_channels(op: str) -> None:
    source = value(6, 4, 4)
    lowered = lower(op, source, kernel_size=2)
    assert units(lowered.output) is units(source)
    assert lowered.node.macs == (0 if op == "maxpool2d" else 96)


def test_adaptive_pool_counts_overlapping_windows() -> None:
    # 5 -> 3: windows of 2, 3 and 2.
    assert lower("adaptive_avgpool2d", value(1, 5, 1), output_size=[3, 1]).node.macs == 7
    assert size(lower("adaptive_avgpool2d", value(2, 5, 5), output_size=[None, 1]).output.axes[1]) == 5
