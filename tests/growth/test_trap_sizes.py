"""What naive constructions cost: each is wrong by the size that the mathematics states, and ours is not.

Errors are the largest over all outputs relative to the largest value, in float64 unless said.  The stated sizes are
those of other random networks, so a factor of ten either way is allowed.  The traps of transformers are in
``tests/hf/test_traps.py``, those of training in ``tests/proof/test_planned_traps.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from growth.support import (
    Outcome,
    StateDict,
    grow,
    plan_of,
    random_inputs,
    random_state,
    relative_error,
    run,
)
from proof.mutations import MUTATIONS, grown
from torch import Tensor, nn
from torch.nn import functional as F

from fptdsl.diagnostics import FptError
from fptdsl.modules import build

CIFAR, DEEPENING = "tests/growth/specs/small_cifar.fpt", "tests/growth/specs/deepening.fpt"
EXACT = 1e-12


def of_size(error: float, stated: float) -> bool:
    return stated / 10 <= error <= stated * 10


def error_between(new: Tensor, old: Tensor) -> float:
    return relative_error([new], [old])


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    """The path of a spec of one model with this body."""

    def write(body: str) -> str:
        path = tmp_path / "model.fpt"
        path.write_text(f"model M {{ {body} }}")
        return str(path)

    return write


def refused(spec: str, grow: str) -> str:
    with pytest.raises(FptError) as caught:
        plan_of(spec, grow)
    return caught.value.diagnostics[0].message


# --- faults of the mutation list, in eval mode -----------------------------------------------------------

STATED = {
    "two_mappings": 0.47,
    "mean_left": 3e-2,
    "variance_left": 3e-2,
    "scale_left": 2e-2,
    "naive_norm": 5e-6,
    "shifted_dirac": 1.5,
    "option_a": 2e-2,
    "grouped": 1.0,
    "undivided": 0.3,
}


@pytest.mark.parametrize("name", STATED)
def test_a_fault_of_the_list(name: str) -> None:
    (mutation,) = (each for each in MUTATIONS if each.name == name)
    at = grown(mutation.spec, mutation.grow)
    inputs = random_inputs(at.plan.old, 3)
    old = run(at.plan.old, at.old, inputs)
    assert relative_error(run(at.plan.new, at.new, inputs), old) <= 1e-11  # as stored in float32
    state = {name: tensor.clone() for name, tensor in at.new.items()}
    mutation.plant(state, at)
    assert of_size(relative_error(run(at.plan.new, state, inputs), old), STATED[name])


def test_two_mappings_in_train_mode() -> None:
    (mutation,) = (each for each in MUTATIONS if each.name == "two_mappings")
    at = grown(mutation.spec, mutation.grow)
    inputs = random_inputs(at.plan.old, 16)

    def trained(graph: object, state: StateDict) -> list[Tensor]:
        module = build(graph).double().train()  # type: ignore[arg-type]
        module.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in state.items()})
        with torch.no_grad():
            return [module(*inputs)]

    old = trained(at.plan.old, at.old)
    assert relative_error(trained(at.plan.new, at.new), old) <= 1e-9
    state = {name: tensor.clone() for name, tensor in at.new.items()}
    mutation.plant(state, at)
    assert of_size(relative_error(trained(at.plan.new, state), old), 0.82)


# --- depth -----------------------------------------------------------------------------------------------


def test_four_norms_that_forget_eps() -> None:
    outcome = grow(CIFAR, "deepen layer1.0.conv1 by 4", settings={"n": 1})
    assert outcome.unrounded <= EXACT
    norms = {name.rpartition(".")[0] for name in outcome.grown if name.startswith("layer1.0.bn1_")}
    assert len(norms) == 4
    for norm in norms:
        for part, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            outcome.grown[f"{norm}.{part}"].fill_(value)
    assert of_size(outcome.error_of(outcome.grown), 1.9e-5)


def test_a_shifted_dirac_of_a_tall_kernel(written: Callable[[str], str]) -> None:
    body = "input x: float[3, 12, 12]; a: conv2d(6, [7, 1], padding=[3, 0]); relu; b: conv2d(4, 3)"
    outcome = grow(written(body), "deepen a by 1")
    assert outcome.unrounded == 0.0
    outcome.grown["a_1.weight"] = outcome.grown["a_1.weight"].roll(1, 2)
    assert of_size(outcome.error_of(outcome.grown), 0.88)


def test_a_mean_in_the_last_norm_of_a_pair() -> None:
    outcome = grow(DEEPENING, "deepen bottleneck by 1 using r2r")
    assert outcome.unrounded <= EXACT
    outcome.grown["bottleneck.2.bn3.running_mean"].fill_(1.0)
    assert of_size(outcome.error_of(outcome.grown), 9e-2)


def test_a_tiled_maxout_identity() -> None:
    outcome = grow(DEEPENING, "deepen mo1 by 1")
    assert outcome.unrounded == 0.0
    outcome.grown["mo1_1.weight"] = torch.eye(5).repeat(3, 1)
    outcome.grown["mo1_1.bias"].zero_()
    assert of_size(outcome.error_of(outcome.grown), 1.0)


def test_an_activation_that_is_not_idempotent(written: Callable[[str], str]) -> None:
    """A layer that hands everything on, behind a sigmoid."""
    spec = written("input x: float[8]; a: linear(6); sigmoid; b: linear(3)")
    old = random_state(plan_of(spec, "widen a by 1").old)
    new = nn.Sequential(nn.Linear(8, 6), nn.Sigmoid(), nn.Linear(6, 6), nn.Sigmoid(), nn.Linear(6, 3)).double()
    first, _, identity, _, last = new
    with torch.no_grad():
        for layer, name in ((first, "a"), (last, "b")):
            layer.weight.copy_(old[f"{name}.weight"])
            layer.bias.copy_(old[f"{name}.bias"])
        identity.weight.copy_(torch.eye(6))
        identity.bias.zero_()
        x = torch.randn(64, 8, dtype=torch.float64)
        assert of_size(error_between(new(x), new[4](new[1](new[0](x)))), 0.50)
    assert "`sigmoid` is not idempotent" in refused(spec, "deepen a by 1")


def test_a_relu_before_another_activation(written: Callable[[str], str]) -> None:
    """An identity with a ReLU inserted where negative values pass."""
    body = "input x: float[3, 8, 8]; a: conv2d(6, 3, padding=1); b: conv2d(4, 1)"
    outcome = grow(written(body), "widen a by 1")
    x = torch.randn(4, 6, 8, 8, dtype=torch.float64)
    weight = outcome.state["b.weight"].double()
    assert of_size(error_between(F.conv2d(x.relu(), weight), F.conv2d(x, weight)), 1.0)
    deeper = grow(written(body), "deepen a by 1")
    assert deeper.unrounded <= EXACT
    assert "relu" not in {node.op for node in deeper.plan.new.nodes}


# --- factors ---------------------------------------------------------------------------------------------


def test_fewer_units_than_the_rank() -> None:
    outcome = grow(DEEPENING, "deepen fc1 by 1 to 40 using netmorph(factor=true)")
    assert outcome.unrounded <= EXACT
    weight = outcome.state["fc1.weight"].double()
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    short = left[:, :-1] @ (values[:-1, None] * right[:-1])
    x = torch.randn(200, weight.shape[1], dtype=torch.float64)
    assert of_size(error_between(x @ short.T, x @ weight.T), 0.36)
    with pytest.raises(FptError, match="rank"):
        grow(DEEPENING, "deepen fc1 by 1 to 11 using netmorph(factor=true)")


def test_padding_shared_between_two_factors() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (
        torch.randn(*shape, 3, 3, generator=generator, dtype=torch.float64) for shape in ((12, 4), (4, 12))
    )
    x = torch.randn(8, 4, 12, 12, generator=generator, dtype=torch.float64)
    old = F.conv2d(x, torch.stack([composite(first, row) for row in second]), padding=2)
    assert error_between(F.conv2d(F.conv2d(x, first, padding=2), second), old) <= EXACT
    naive = F.conv2d(F.conv2d(x, first, padding=1), second, padding=1)
    assert of_size(error_between(naive, old), 0.32)
    assert error_between(naive[..., 2:-2, 2:-2], old[..., 2:-2, 2:-2]) <= EXACT, "only the border is wrong"


def composite(first: Tensor, row: Tensor) -> Tensor:
    """The 5 x 5 kernel of one unit of the second factor, behind the first."""
    kernel = torch.zeros(first.shape[1], 5, 5, dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            kernel[:, i : i + 3, j : j + 3] += torch.einsum("k,kcxy->cxy", row[:, i, j], first)
    return kernel


def test_a_bias_in_a_leading_factor_of_one_pixel() -> None:
    outcome = grow(DEEPENING, "deepen conv3 by 1 using netmorph(factor=true)")
    assert outcome.unrounded <= EXACT
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(6, 4, 1, 1, generator=generator, dtype=torch.float64)
    second = torch.randn(5, 6, 3, 3, generator=generator, dtype=torch.float64)
    inner, outer = (torch.randn(size, generator=generator, dtype=torch.float64) for size in (6, 5))
    x = torch.randn(8, 4, 12, 12, generator=generator, dtype=torch.float64)
    old = F.conv2d(x, torch.einsum("okxy,kc->ocxy", second, first[:, :, 0, 0]), outer, padding=1)
    shifted = outer - torch.einsum("okxy,k->o", second, inner)
    naive = F.conv2d(F.conv2d(x, first, inner), second, shifted, padding=1)
    assert of_size(error_between(naive, old), 0.19)
    assert error_between(naive[..., 1:-1, 1:-1], old[..., 1:-1, 1:-1]) <= EXACT, "only the border is wrong"


# --- widths ----------------------------------------------------------------------------------------------


def test_zeros_into_a_sigmoid(written: Callable[[str], str]) -> None:
    """New units that are zero and read at random: half of each arrives."""
    spec = written("input x: float[8]; a: linear(6); sigmoid; b: linear(3)")
    outcome = grow(spec, "widen a by 4 using netmorph(zero=out)")
    assert outcome.unrounded <= EXACT
    outcome.grown["a.weight"][6:] = 0.0
    outcome.grown["a.bias"][6:] = 0.0
    outcome.grown["b.weight"][:, 6:] = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert of_size(outcome.error_of(outcome.grown), 0.69)
    assert "makes something of zero" in refused(spec, "widen a by 2 using netmorph(zero=in)")


DEEP = "input x: float[16]; a: linear(24); relu; b: linear(24); relu; c: linear(24); relu; d: linear(5)"


@pytest.mark.parametrize(("scale", "stated"), [(10.0, 1.3e-3), (100.0, 2e3)])
def test_pairs_of_large_weights_in_float32(scale: float, stated: float, written: Callable[[str], str]) -> None:
    """What cancels in theory leaves the rounding of what is large; the standard deviation of old weights does not."""
    outcome = grow(written(DEEP), *(f"widen {name} by 2x using r2r" for name in "abc"))
    assert error_in_float32(outcome, outcome.grown) <= 1e-5
    state = {name: tensor.clone() for name, tensor in outcome.grown.items()}
    for name in "abc":
        state[f"{name}.weight"][24:] *= scale
    for name in "bcd":
        state[f"{name}.weight"][:, 24:] *= scale
    assert outcome.error_of(state) <= 1e-3 * stated, "in float64 most of it cancels"
    assert error_in_float32(outcome, state) >= stated / 10


def error_in_float32(outcome: Outcome, state: StateDict) -> float:
    module = build(outcome.plan.new).eval()
    module.load_state_dict(state)
    with torch.no_grad():
        found = module(*(x.float() for x in outcome.inputs)).double()
    return relative_error([found], outcome.old_outputs)


@pytest.mark.parametrize(("dtype", "stated"), [("bfloat16", 5e-3), ("float16", 7e-4)])
def test_a_third_in_half_precision(dtype: str, stated: float, written: Callable[[str], str]) -> None:
    """Net2Net divides by the number of copies, and three times the rounded third is not the whole."""
    outcome = grow(written(DEEP), "widen b by 3x using net2net(split=equal)", dtype=dtype)
    assert outcome.stored <= EXACT
    weight = outcome.state["c.weight"]
    thirds = (weight.float() / 3).to(weight.dtype)
    x = torch.randn(200, weight.shape[1], dtype=torch.float64)
    assert of_size(error_between(x @ (3 * thirds.double()).T, x @ weight.double().T), stated)


NORMS = {
    "group norm": ("groupnorm(2)", lambda x, g, b: F.group_norm(x, 2, g, b), 5e-2),
    "layer norm": ("layernorm", lambda x, g, b: F.layer_norm(x, x.shape[1:], g, b), 4e-2),
    "rms norm": ("rmsnorm", lambda x, g, b: F.rms_norm(x, x.shape[1:], g), 4e-2),
}


@pytest.mark.parametrize("name", NORMS)
def test_copies_of_some_units_under_a_norm(name: str, written: Callable[[str], str]) -> None:
    """Mean and variance of units of which some are there twice are not those of the units."""
    op, norm, stated = NORMS[name]
    generator = torch.Generator().manual_seed(0)
    units, rows = 16, 400
    x = torch.randn(rows, units, generator=generator, dtype=torch.float64) + 0.3
    x = x * (1 + 0.3 * torch.randn(units, generator=generator, dtype=torch.float64))
    gain, bias = (torch.randn(units, generator=generator, dtype=torch.float64) for _ in range(2))
    reader = torch.randn(5, units, generator=generator, dtype=torch.float64)
    order = torch.tensor([*range(8), 0, 3, *range(8, 16), 9, 12])  # two more in each group
    share = 1 / torch.bincount(order)[order]
    old = norm(x, gain, bias) @ reader.T
    naive = norm(x[:, order], gain[order], bias[order]) @ (reader[:, order] * share).T
    assert of_size(error_between(naive, old), stated)
    image = "input x: float[3, 6, 6]; a: conv2d(16, 1); n: groupnorm(2); b: conv2d(5, 1)"
    body = image if name == "group norm" else f"input x: float[7]; a: linear(16); n: {op}; b: linear(5)"
    refused(written(body), "widen a to 20 using net2net")
    assert grow(written(body), "widen a by 2x using net2net").unrounded <= EXACT
