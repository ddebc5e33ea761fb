"""The mutation list: faults planted in grown checkpoints, and which check has to see each of them.

The table was written before the checks ran on it; cells that the first run showed to be other than
expected are ``revised``.  ``test_mutations.py`` runs every cell and ``docs/make_proof.py`` prints it.  A
cell that is not claimed stays silent: the tests hold that too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from growth.support import StateDict, grown_state, plan_of, random_state

from fptdsl.growth.plan import Plan

CIFAR, MIXTURE, GROUPED = (
    "tests/growth/specs/small_cifar.fpt",
    "tests/growth/specs/mixture.fpt",
    "tests/proof/specs/grouped.fpt",
)


@dataclass(frozen=True)
class Grown:
    """A random network, grown in memory."""

    plan: Plan
    old: StateDict
    new: StateDict

    def classes(self, space: str) -> torch.Tensor:
        """The class of every new unit of a group."""
        return torch.tensor(next(table.classes for table in self.plan.tables if table.space == space))


@cache
def grown(spec: str, grow: str) -> Grown:
    settings: dict[str, object] = {"n": 1} if spec == CIFAR else {}
    plan = plan_of(spec, grow, settings=settings)
    old = random_state(plan.old)
    return Grown(plan, old, grown_state(plan, old))


Plant = Callable[[StateDict, Grown], None]


@dataclass(frozen=True)
class Mutation:
    """One fault: where it is planted, and who catches it (numerical check, certificate, gradient probe)."""

    name: str
    fault: str
    spec: str
    grow: str
    plant: Plant
    certificate: bool = True
    numerical: bool = True
    gradients: bool = False
    revised: str | None = None
    """The check whose cell was corrected after the first run."""


MUTATIONS: list[Mutation] = []


def mutation(
    fault: str,
    spec: str,
    grow: str,
    *,
    certificate: bool = True,
    numerical: bool = True,
    gradients: bool = False,
    revised: str | None = None,
) -> Callable[[Plant], Plant]:
    """Register a fault; the function changes the grown tensors."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__.strip("_")
        MUTATIONS.append(Mutation(name, fault, spec, grow, plant, certificate, numerical, gradients, revised))
        return plant

    return register


BLOCK = "layer1.0"
EQUAL = "widen layer1.0.conv1 to 24 using net2net(split=equal)"
COPIES = "widen layer1.0.conv1 to 24 using net2net"

# --- Net2WiderNet: columns, rows, followers ----------------------------------------------------------


@mutation("one reader column not rescaled", CIFAR, EQUAL, gradients=True)
def _one_column(state: StateDict, at: Grown) -> None:
    old = int(at.classes(f"{BLOCK}.conv1")[20])
    state[f"{BLOCK}.conv2.weight"][:, 20] = at.old[f"{BLOCK}.conv2.weight"][:, old]


@mutation("a whole reader copied and not divided", CIFAR, COPIES, gradients=True)
def _undivided(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv2.weight"] = at.old[f"{BLOCK}.conv2.weight"][:, at.classes(f"{BLOCK}.conv1")].clone()


@mutation("one output row of a reader not rescaled", CIFAR, COPIES)
def _one_row(state: StateDict, at: Grown) -> None:
    old = at.old[f"{BLOCK}.conv2.weight"][3]
    state[f"{BLOCK}.conv2.weight"][3] = old[at.classes(f"{BLOCK}.conv1")]


@mutation("running mean of the copies left at zero", CIFAR, COPIES)
def _mean_left(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1.running_mean"][16:] = 0.0


@mutation("running variance of the copies left at one", CIFAR, COPIES)
def _variance_left(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1.running_var"][16:] = 1.0


@mutation("norm scale of the copies left at one", CIFAR, COPIES)
def _scale_left(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1.weight"][16:] = 1.0


@mutation("norm shift of the copies dropped", CIFAR, COPIES)
def _shift_dropped(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1.bias"][16:] = 0.0


@mutation("bias of the copies dropped", GROUPED, "widen mix to 14 using net2net")
def _bias_dropped(state: StateDict, at: Grown) -> None:
    state["mix.bias"][10:] = 0.0


@mutation("a copied row that is not the row of its unit", CIFAR, COPIES)
def _wrong_row(state: StateDict, at: Grown) -> None:
    other = (int(at.classes(f"{BLOCK}.conv1")[17]) + 1) % 16
    state[f"{BLOCK}.conv1.weight"][17] = at.old[f"{BLOCK}.conv1.weight"][other]


@mutation("a copied row one unit in the last place off", CIFAR, COPIES, numerical=False)
def _row_off_by_an_ulp(state: StateDict, at: Grown) -> None:
    row = state[f"{BLOCK}.conv1.weight"][18]
    row[0, 0, 0] = torch.nextafter(row[0, 0, 0], torch.tensor(9.0))


@mutation("slope of a parametric activation left at its default", MIXTURE, "widen stem to 12 using net2net")
def _slope_left(state: StateDict, at: Grown) -> None:
    state["prelu.weight"][8:] = 0.25


# --- ties, concatenation, products ---------------------------------------------------------------------


@mutation("two mappings in one residual stream", CIFAR, "widen layer1 to 24 using net2net")
def _two_mappings(state: StateDict, at: Grown) -> None:
    other = (at.classes("conv1") + 5) % 16
    other[:16] = torch.arange(16)
    state[f"{BLOCK}.conv2.weight"] = state[f"{BLOCK}.conv2.weight"][:16][other]
    for part in ("weight", "bias", "running_mean", "running_var"):
        state[f"{BLOCK}.bn2.{part}"] = at.old[f"{BLOCK}.bn2.{part}"][other]


@mutation("the middle of an option-A stage mapped unlike the stage before", CIFAR, "widen layer1 to 24 using net2net")
def _option_a(state: StateDict, at: Grown) -> None:
    # 8 padding slots come first, so slots 24 to 31 are the copies in the middle; they get rows of the padding.
    state["layer2.0.conv2.weight"][24:32] = state["layer2.0.conv2.weight"][:8]
    for part in ("weight", "bias", "running_mean", "running_var"):
        state[f"layer2.0.bn2.{part}"][24:32] = state[f"layer2.0.bn2.{part}"][:8]


@mutation("another mapping on the gate of a squeeze-and-excite", MIXTURE, "widen mb.0.expand to 28 using net2net")
def _gate_mapping(state: StateDict, at: Grown) -> None:
    other = (at.classes("mb.0.expand")[20:] + 1) % 20
    for part in ("weight", "bias"):
        state[f"mb.0.se.fc2.{part}"][20:] = state[f"mb.0.se.fc2.{part}"][other]


@mutation("a wrong offset behind a concatenation", MIXTURE, "widen inc.a.c to 8 using netmorph")
def _concat_offset(state: StateDict, at: Grown) -> None:
    # 4 positions a channel; the new channels 5 to 7 are read as if they stood at the end.
    weight = state["fc1.weight"]
    per = weight.shape[1] // 19
    order = [*range(5), *range(8, 19), 5, 6, 7]
    state["fc1.weight"] = weight.reshape(-1, 19, per)[:, order].reshape(weight.shape).clone()


@mutation("columns behind a flatten indexed position first", MIXTURE, "widen inc.a.c to 8 using net2net")
def _flatten_index(state: StateDict, at: Grown) -> None:
    weight = state["fc1.weight"]
    state["fc1.weight"] = weight.reshape(len(weight), 19, -1).transpose(1, 2).reshape(weight.shape).clone()


@mutation("a depthwise kernel not copied", MIXTURE, "widen mb.0.expand to 28 using net2net")
def _depthwise(state: StateDict, at: Grown) -> None:
    state["mb.0.dw.weight"][20:] = 0.0


@mutation("new units of a grouped convolution appended instead of interleaved", GROUPED, "widen gc to 24 using r2r")
def _grouped(state: StateDict, at: Grown) -> None:
    # 4 groups of 6: the first 4 of each are old.
    order = [g * 6 + m for g in range(4) for m in range(4)] + [g * 6 + m for g in range(4) for m in (4, 5)]
    for name in ("gc.weight", "gc.bias"):
        state[name] = state[name][order].clone()


@mutation("pieces of maxout units copied one by one", GROUPED, "widen mix to 14 using net2net")
def _maxout_pieces(state: StateDict, at: Grown) -> None:
    for name in ("mix.weight", "mix.bias"):
        state[name][[11, 12]] = state[name][[12, 11]]


@mutation("a transposed kernel whose rows are copied and not shared", MIXTURE, "widen d1.c to 9 using net2net")
def _transposed(state: StateDict, at: Grown) -> None:
    # The rows of the old units 24 to 29 as they were: the copies' share comes on top.
    state["up.weight"][24:30] = at.old["up.weight"][24:30]


# --- R2R and Network Morphism --------------------------------------------------------------------------

PAIRS = "widen layer1.0.conv1 to 24 using r2r"
TRIPLE = "widen layer1.0.conv1 to 19 using r2r"
OUT = "widen layer1.0.conv1 to 24 using netmorph(zero=out)"
IN = "widen layer1.0.conv1 to 24 using netmorph(zero=in)"


@mutation("a pair with unequal halves", CIFAR, PAIRS)
def _unequal_pair(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1.weight"][17] *= 1.01


@mutation("a pair with other statistics on one half", CIFAR, PAIRS)
def _pair_statistics(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1.running_mean"][17] += 0.1


@mutation("a pair that readers take with equal signs", CIFAR, PAIRS, gradients=True)
def _equal_signs(state: StateDict, at: Grown) -> None:
    weight = state[f"{BLOCK}.conv2.weight"]
    weight[:, 17::2] = weight[:, 16::2]


@mutation("a triple that does not add up to zero", CIFAR, TRIPLE)
def _triple(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv2.weight"][:, 18] *= 1.05


@mutation("new units read with weights that are not zero", CIFAR, OUT)
def _readers_not_zero(state: StateDict, at: Grown) -> None:
    weight = state[f"{BLOCK}.conv2.weight"]
    weight[:, 16:] = weight[:, :8].std()


@mutation("new units that should be zero written with old rows", CIFAR, IN)
def _writers_not_zero(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1.weight"][16:] = at.old[f"{BLOCK}.conv1.weight"][:8]


@mutation("new units that should be zero shifted by their norm", CIFAR, IN, gradients=True, revised="gradients")
def _zero_shifted(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1.bias"][16:] = 0.1


# --- deepening -----------------------------------------------------------------------------------------

IDENTITY = "deepen layer1.0.conv1 by 1"
BRANCH = "deepen layer3 by 1"


@mutation("a shifted Dirac", CIFAR, IDENTITY)
def _shifted_dirac(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1_1.weight"] = torch.roll(state[f"{BLOCK}.conv1_1.weight"], 1, dims=3)


@mutation("swapped rows of an identity", CIFAR, IDENTITY)
def _swapped_rows(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1_1.weight"] = state[f"{BLOCK}.conv1_1.weight"].flip(0)


@mutation(
    "an identity behind widened units that is not divided",
    CIFAR,
    f"{EQUAL}; {IDENTITY}",
    gradients=True,
    revised="gradients",
)
def _identity_undivided(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1_1.weight"] = (state[f"{BLOCK}.conv1_1.weight"] != 0).float()


@mutation("an identity norm with the weight 1 where sqrt(v + eps) is due", CIFAR, IDENTITY)
def _norm_weight_one(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1_1.weight"].fill_(1.0)


@mutation("an identity norm that forgets eps (1, 0, 0, 1)", CIFAR, IDENTITY, numerical=False, revised="numerical")
def _naive_norm(state: StateDict, at: Grown) -> None:
    for part, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
        state[f"{BLOCK}.bn1_1.{part}"].fill_(value)


@mutation("the running variance of an identity norm off by a hundredth", CIFAR, IDENTITY)
def _variance_off(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1_1.running_var"] *= 1.01


@mutation("the bias of an identity norm that is not its mean", CIFAR, IDENTITY)
def _bias_not_mean(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.bn1_1.bias"][2] += 1e-2


@mutation("a gain of 0.1 where a new branch should end in zero", CIFAR, BRANCH)
def _gain(state: StateDict, at: Grown) -> None:
    state["layer3.1.bn2.weight"].fill_(0.1)


@mutation("a shift behind a branch that should end in zero", CIFAR, BRANCH)
def _branch_shift(state: StateDict, at: Grown) -> None:
    state["layer3.1.bn2.bias"][7] = 0.1


# --- other forms of a layer ----------------------------------------------------------------------------


@mutation("an enlarged kernel that is not centred", CIFAR, "enlarge layer1.0.conv1 kernel_size to 5")
def _off_centre(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1.weight"] = torch.roll(state[f"{BLOCK}.conv1.weight"], 1, dims=2)


@mutation("parallel layers whose shares do not add up", CIFAR, "branch layer1.0.conv1 into 2")
def _shares(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1_1.weight"] *= 1.1


# --- what has nothing to do with the step ---------------------------------------------------------------


@mutation("an untouched tensor changed by one unit in the last place", CIFAR, COPIES, revised="numerical")
def _untouched(state: StateDict, at: Grown) -> None:
    weight = state["layer3.0.conv2.weight"]
    weight[0, 0, 0, 0] = torch.nextafter(weight[0, 0, 0, 0], torch.tensor(9.0))


@mutation("a counter of batches reset", CIFAR, COPIES, numerical=False)
def _counter(state: StateDict, at: Grown) -> None:
    state["layer2.0.bn1.num_batches_tracked"] = torch.tensor(0)


# --- what keeps the function and cannot learn -------------------------------------------------------------


@mutation("both sides of new units zero", CIFAR, OUT, certificate=False, numerical=False, gradients=True)
def _both_sides_zero(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv1.weight"][16:] = 0.0


@mutation("equal shares where unequal ones were planned", CIFAR, "widen layer1.0.conv1 to 18 using net2net",
          certificate=False, numerical=False, gradients=True)  # fmt: skip
def _equal_shares(state: StateDict, at: Grown) -> None:
    classes = at.classes(f"{BLOCK}.conv1")
    counts = torch.bincount(classes)[classes]
    assert set(counts.tolist()) <= {1, 2, 4}, "shares that a binary number holds exactly"
    state[f"{BLOCK}.conv2.weight"] = at.old[f"{BLOCK}.conv2.weight"][:, classes] / counts.view(1, -1, 1, 1)


@mutation("pairs that readers take with zero", CIFAR, PAIRS, certificate=False, numerical=False, gradients=True)
def _pairs_of_zero(state: StateDict, at: Grown) -> None:
    state[f"{BLOCK}.conv2.weight"][:, 16:] = 0.0


@mutation("a new branch with a zero kernel and a zero gain", CIFAR, BRANCH, certificate=False, numerical=False,
          gradients=True)  # fmt: skip
def _twice_zero(state: StateDict, at: Grown) -> None:
    state["layer3.1.conv2.weight"].zero_()


# --- heads, and what is a multiple of something old, register themselves in files of their own --------------

from proof import mutations_of_heads, mutations_of_multiples  # noqa: E402, F401
