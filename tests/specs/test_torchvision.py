"""Grown checkpoints load strictly into torchvision's own classes of the new size, and compute the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import torch
from growth.support import StateDict, graph_of, grown_state, plan_of
from torch import Tensor, nn

from fptdsl.growth.plan import Plan
from fptdsl.modules import build
from specs import torchvision_classes as classes

BOUND = 1e-11
V3 = classes.MOBILENET_V3_SMALL


def grown_v3() -> nn.Module:
    """One block more, one stream and two hidden widths wider, and the last hidden layer."""
    rows = [list(row) for row in V3]
    rows[1][2] = 80
    rows[3][3] = rows[4][0] = rows[4][3] = rows[5][0] = rows[5][3] = rows[6][0] = 56
    rows.insert(11, list(rows[10]))
    return classes.mobilenet_v3([tuple(row) for row in rows], 1280)


@dataclass(frozen=True)
class Case:
    """A spec with the class that it describes, and a growth with the class that it becomes."""

    spec: str
    settings: dict[str, Any]
    old: Callable[[], nn.Module]
    growth: str
    new: Callable[[], nn.Module]
    size: int = 32
    long: bool = field(default=False)

    def __str__(self) -> str:
        return f"{self.spec}: {self.growth}"


ONE = {"blocks1": 1, "blocks2": 1, "blocks3": 1, "blocks4": 1}
VGG = [4, "M", 8, "M", 16, 16, "M", 32, 32, "M", 32, 32, "M"]
DEEPER_VGG = [8, "M", 16, 16, "M", 32, 32, 32, "M", 64, 64, "M", 64, 64, "M"]

CASES = [
    Case("resnet", {"layers": 18, **ONE}, partial(classes.resnet, (1, 1, 1, 1)),
         "deepen layer2 by 1; deepen layer4 by 2", partial(classes.resnet, (1, 2, 1, 3))),
    Case("resnet", {"layers": 50, "width_per_group": 8, **ONE},
         partial(classes.resnet, (1, 1, 1, 1), bottleneck=True, per_group=8),
         "widen layer*.*.conv1 by 2x using net2net; widen layer*.*.conv2 by 2x using net2net; deepen layer3 by 1",
         partial(classes.resnet, (1, 1, 2, 1), bottleneck=True, per_group=16)),
    Case("resnet", {"layers": 50, "groups": 4, "width_per_group": 4, **ONE},
         partial(classes.resnet, (1, 1, 1, 1), bottleneck=True, groups=4, per_group=4),
         "widen layer*.*.conv1 by 2x using net2net; widen layer*.*.conv2 by 2x using net2net",
         partial(classes.resnet, (1, 1, 1, 1), bottleneck=True, groups=8, per_group=4)),
    Case("vgg_bn", {"layers": 11, "width": 4, "hidden": 8, "pool": 1}, partial(classes.vgg, VGG, 8),
         "widen * by 2x using net2net; deepen features.4 by 1; deepen features.11 by 1",
         partial(classes.vgg, DEEPER_VGG, 16)),
    Case("densenet", {"growth": 4, "width": 8, "squeeze": 2, "blocks1": 2, "blocks2": 2, "blocks3": 2, "blocks4": 1},
         partial(classes.densenet, 4, 8), "widen * by 2x using net2net", partial(classes.densenet, 8, 16)),
    Case("googlenet", {"width": 2}, partial(classes.googlenet, 2), "widen * by 2x using net2net",
         partial(classes.googlenet, 4)),
    Case("inception_v3", {"width": 1}, partial(classes.inception_v3, 1), "widen * by 2x using net2net",
         partial(classes.inception_v3, 2), size=80),
    Case("mobilenet_v2", {}, classes.mobilenet_v2, "widen * by 1.5x using net2net",
         partial(classes.mobilenet_v2, 1.5), long=True),
    Case("mobilenet_v2", {}, classes.mobilenet_v2, "deepen features.5 by 2; widen features.2.conv.0.0 to 96",
         partial(classes.mobilenet_v2, third=5), long=True),
    Case("mobilenet_v3", {"large": False}, partial(classes.mobilenet_v3, V3, 1024),
         "widen features.2.block.0.0 to 80 using net2net; widen features.4.block.3.0 to 56 using net2net; "
         "widen classifier.0 to 1280 using net2net; deepen features.11 by 1", grown_v3),
    Case("efficientnet_b0", {"width": 8}, partial(classes.efficientnet, 1.0),
         "widen * by 2x using net2net; deepen features.3 by 1", partial(classes.efficientnet, 2.0, 3), long=True),
    Case("squeezenet", {"width": 4}, partial(classes.squeezenet, 4), "widen * by 2x using net2net",
         partial(classes.squeezenet, 8), size=64),
    Case("regnet_y", {"group_width": 4, "blocks1": 1, "blocks2": 1, "blocks3": 2, "blocks4": 1},
         partial(classes.regnet, 4), "widen * by 2x using net2net; deepen trunk_output.block3 by 1",
         partial(classes.regnet, 8, (1, 1, 3, 1), 4)),
    Case("convnext", {"width": 4, "blocks1": 1, "blocks2": 1, "blocks3": 2, "blocks4": 1},
         partial(classes.convnext, 4), "widen * by 2x using net2net; deepen features.5 by 1",
         partial(classes.convnext, 8, 3)),
]  # fmt: skip


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Gains, shifts and running statistics off one and zero; layer scales off zero."""
    generator = torch.Generator().manual_seed(seed)

    def normal(of: Tensor) -> Tensor:
        return torch.randn(of.shape, generator=generator)

    with torch.no_grad():
        for name, values in network.state_dict().items():
            if name.endswith("running_var"):
                values.copy_(normal(values).abs() * 0.5 + 0.5)
            elif name.endswith("num_batches_tracked"):
                values.fill_(7)
            elif name.endswith("layer_scale"):
                values.copy_(0.3 * normal(values))
            elif values.ndim == 1:
                values.copy_((1.0 if name.endswith("weight") else 0.0) + 0.3 * normal(values))
            else:
                values.copy_(normal(values) * (1.6 / values[0].numel()) ** 0.5)
    return network.double().eval()


def of_spec(state: StateDict) -> StateDict:
    """Keys without the prefix that RegNet's blocks repeat; the spec's ``checkpoint`` section says the same."""
    return {re.sub(r"\.block(\d)\.block\d-", r".block\1.", key): value for key, value in state.items()}


def of_class(state: StateDict) -> StateDict:
    return {re.sub(r"^trunk_output\.block(\d)\.", r"trunk_output.block\1.block\1-", k): v for k, v in state.items()}


def difference(old: Tensor, new: Tensor) -> float:
    return float((old - new).abs().max() / old.abs().max())


@dataclass
class Grown:
    plan: Plan
    state: StateDict
    old: nn.Module
    new: nn.Module
    inputs: Tensor
    outputs: Tensor

    def error(self, state: StateDict) -> float:
        missing, unexpected = self.new.load_state_dict(of_class(state), strict=True)
        assert not missing
        assert not unexpected
        with torch.no_grad():
            return difference(self.outputs, self.new(self.inputs))


def grown(case: Case) -> Grown:
    torch.manual_seed(0)
    settings = {"num_classes": 5, "size": case.size, **case.settings}
    old, new = randomised(case.old()), case.new().double().eval()
    state = of_spec(old.state_dict())
    inputs = torch.randn(2, 3, case.size, case.size, dtype=torch.float64)
    with torch.no_grad():
        outputs = old(inputs)
        module = build(graph_of(case.spec, settings=settings)[0]).double().eval()
        module.load_state_dict(state, strict=True)
        assert difference(outputs, module(inputs)) <= 1e-12, "the spec is not the class"
    plan = plan_of(case.spec, case.growth, settings=settings)
    return Grown(plan, grown_state(plan, state, "float64"), old, new, inputs, outputs)


def hold(case: Case) -> None:
    found = grown(case)
    assert found.error(found.state) <= BOUND
    for wrong in faults(found):
        assert found.error({**found.state, **wrong}) > 1e4 * BOUND, f"a fault in {', '.join(wrong)} is not seen"


def faults(found: Grown) -> list[StateDict]:
    """All inserted tensors perturbed; one reader of copied units with the old weights, not their shares."""
    planted = []
    added = [t.name for t in found.plan.tensors if t.action == "add" and found.state[t.name].is_floating_point()]
    if added:
        planted.append({name: found.state[name] + 0.1 * torch.rand_like(found.state[name]) for name in added})
    before = of_spec(found.old.state_dict())
    for tensor in found.plan.tensors:
        reads = tensor.recipe is not None and tensor.recipe.init == "kernel" and "reads" in tensor.recipe.roles
        if tensor.action != "grow" or not reads or tensor.source is None or tensor.old_shape is None:
            continue
        wrong = found.state[tensor.name].clone()
        wrong[tuple(slice(n) for n in tensor.old_shape)] = before[tensor.source]
        if not torch.equal(wrong, found.state[tensor.name]):
            return [*planted, {tensor.name: wrong}]
    return planted


@pytest.mark.parametrize("case", [case for case in CASES if not case.long], ids=str)
def test_class_of_the_new_size(case: Case) -> None:
    hold(case)


@pytest.mark.sweep
@pytest.mark.parametrize("case", [case for case in CASES if case.long], ids=str)
def test_large_class_of_the_new_size(case: Case) -> None:
    hold(case)
