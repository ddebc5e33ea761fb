"""Faults in what is a multiple of something old: rescaled streams, pairs, factors and pieces."""

from __future__ import annotations

import torch
from growth.support import StateDict
from proof.mutations import CIFAR, MIXTURE, Grown, mutation

RMS, MEAN, SANDWICH, FORMS = (
    f"tests/proof/specs/{name}.fpt" for name in ("rms_stream", "mean_stream", "sandwich", "forms")
)
ROWS = "tests/proof/specs/rows.fpt"
WIDER = "widen embed to 13 using rescale"
"""From 8 units: ``k = sqrt(13 / 8)``."""
K = (13 / 8) ** 0.5
TWICE = "widen embed to 16 using net2net"

# --- rescaled streams (T-7 to T-9, N-5, N-6, N-8) ---------------------------------------------------------


@mutation("one writer of a stream not multiplied by k", RMS, WIDER)
def _writer_unscaled(state: StateDict, at: Grown) -> None:
    state["layers.1.down.weight"][:8] = at.old["layers.1.down.weight"]
    state["layers.1.down.bias"][:8] = at.old["layers.1.down.bias"]


@mutation("the bias of one writer of a stream not multiplied by k", RMS, WIDER)
def _bias_unscaled(state: StateDict, at: Grown) -> None:
    state["layers.0.down.bias"][:8] = at.old["layers.0.down.bias"]


@mutation("one gain over a stream left at g", RMS, WIDER)
def _gain_left(state: StateDict, at: Grown) -> None:
    state["layers.0.norm.weight"][:8] = at.old["layers.0.norm.weight"]


@mutation("one gain over a stream left at g, on one unit", RMS, WIDER)
def _one_gain_left(state: StateDict, at: Grown) -> None:
    state["layers.0.norm.weight"][3] = at.old["layers.0.norm.weight"][3]


@mutation("the final gain before a tied head divided by k once", RMS, WIDER)
def _tied_gain(state: StateDict, at: Grown) -> None:
    state["norm.weight"][:8] = at.old["norm.weight"] / K


@mutation("the table of a tied head and of a stream not multiplied by k", RMS, WIDER)
def _table_unscaled(state: StateDict, at: Grown) -> None:
    state["embed.weight"][:, :8] = at.old["embed.weight"]


@mutation("new units of a stream under RMSNorms that are not zero", RMS, WIDER)
def _stream_not_zero(state: StateDict, at: Grown) -> None:
    state["layers.0.down.weight"][9] = state["layers.0.down.weight"][2]


@mutation("copies of a stream under a tied head, and the final gain not divided by their number", RMS, TWICE)
def _tied_copies(state: StateDict, at: Grown) -> None:
    state["norm.weight"] = at.old["norm.weight"][at.classes("embed")].clone()


@mutation("a mean row that is another row", MEAN, WIDER)
def _mean_row(state: StateDict, at: Grown) -> None:
    state["layers.0.down.weight"][9] = state["layers.0.down.weight"][2]


@mutation("a mean row that was not multiplied by k", MEAN, WIDER)
def _mean_unscaled(state: StateDict, at: Grown) -> None:
    state["embed.weight"][8:] = at.old["embed.weight"].mean(dim=0)


@mutation("means of positions left at zero", MEAN, WIDER)
def _mean_positions(state: StateDict, at: Grown) -> None:
    state["position"][..., 8:] = 0.0


@mutation("the mean of a writer's bias dropped", MEAN, WIDER)
def _mean_bias(state: StateDict, at: Grown) -> None:
    state["layers.1.down.bias"][8:] = 0.0


@mutation("a norm's bias on new units of a stream that is not zero", MEAN, WIDER)
def _norm_bias(state: StateDict, at: Grown) -> None:
    state["layers.0.norm.bias"][9] = 0.4


@mutation("a norm's bias divided by k like its gain, where readers take the old values", MEAN, WIDER)
def _norm_bias_scaled(state: StateDict, at: Grown) -> None:
    state["layers.0.norm.bias"][:8] = at.old["layers.0.norm.bias"] / K


@mutation("the weight of an offset norm divided by k as if it were the gain", SANDWICH, WIDER)
def _offset_gain(state: StateDict, at: Grown) -> None:
    state["layers.0.before.weight"][:8] = at.old["layers.0.before.weight"] / K


@mutation("the gain behind a branch divided by k", SANDWICH, WIDER)
def _behind(state: StateDict, at: Grown) -> None:
    state["layers.1.behind.weight"][:8] = (1 + at.old["layers.1.behind.weight"]) / K - 1


@mutation("a writer before a norm behind the branch not multiplied by k", SANDWICH, WIDER, numerical=False)
def _eps_only(state: StateDict, at: Grown) -> None:
    for part in ("weight", "bias"):
        state[f"layers.1.down.{part}"][:8] = at.old[f"layers.1.down.{part}"]


@mutation("a table multiplied by k that the network multiplies by the root of the width", SANDWICH, WIDER)
def _table_twice(state: StateDict, at: Grown) -> None:
    state["embed.weight"][:, :8] = at.old["embed.weight"] * K


# --- transfer (W-8) -----------------------------------------------------------------------------------

TRANSFER = "widen fc1 to 16 using r2r(transfer=true)"


@mutation("one old row not scaled up by the transfer", FORMS, TRANSFER)
def _transfer_row(state: StateDict, at: Grown) -> None:
    state["fc1.weight"][4] = at.old["fc1.weight"][4]


@mutation("the old bias not scaled up by the transfer", FORMS, TRANSFER)
def _transfer_bias(state: StateDict, at: Grown) -> None:
    state["fc1.bias"][:10] = at.old["fc1.bias"]


@mutation("old columns not scaled back by the transfer", FORMS, TRANSFER)
def _transfer_reader(state: StateDict, at: Grown) -> None:
    state["mix.weight"][:, :10] = at.old["mix.weight"]


# --- paired identity (D-7) ----------------------------------------------------------------------------

MIRROR = "deepen conv1 by 1 using netmorph(activation=paired)"


@mutation("one row of mirror images not negated", FORMS, MIRROR)
def _not_negated(state: StateDict, at: Grown) -> None:
    state["conv1_1.weight"][8] *= -1


@mutation("readers of mirror images divided by another constant", FORMS, MIRROR)
def _other_constant(state: StateDict, at: Grown) -> None:
    state["conv2.weight"] /= 1.01


@mutation("mirror images read with the sign of the units", FORMS, MIRROR)
def _mirror_sign(state: StateDict, at: Grown) -> None:
    state["conv2.weight"][:, 6:] *= -1


@mutation("mirror images read with half the weight, the units with three halves", FORMS, MIRROR)
def _unequal_mirror(state: StateDict, at: Grown) -> None:
    # The odd part is right, and the even one does not cancel.
    state["conv2.weight"][:, :6] *= 1.5
    state["conv2.weight"][:, 6:] *= 0.5


@mutation("a bias on a unit of a pair", FORMS, MIRROR)
def _mirror_bias(state: StateDict, at: Grown) -> None:
    state["conv1_1.bias"][8] = 0.2


# --- factors (D-10) and pieces (D-5) ---------------------------------------------------------------------

FACTOR = "deepen fc1 by 1 to 250 using netmorph(factor=true)"
KERNELS = "deepen conv3 by 1 using netmorph(factor=true)"


@mutation("one weight of the first factor of a layer off", FORMS, FACTOR)
def _first_factor(state: StateDict, at: Grown) -> None:
    state["fc1_1.weight"][3, 5] += 0.05


@mutation("the second factor of a layer off by a thousandth", FORMS, FACTOR)
def _second_factor(state: StateDict, at: Grown) -> None:
    state["fc1.weight"] *= 1.001


@mutation("a bias between two factors that the second does not take off", FORMS, FACTOR)
def _factor_bias(state: StateDict, at: Grown) -> None:
    state["fc1_1.bias"][2] = 0.3


@mutation("the slope between two factors at 0.9", FORMS, FACTOR)
def _factor_slope(state: StateDict, at: Grown) -> None:
    state["fc1_1_act.weight"].fill_(0.9)


@mutation("one factor of a convolution shifted by a position", FORMS, KERNELS)
def _kernel_factor(state: StateDict, at: Grown) -> None:
    state["conv3.weight"] = torch.roll(state["conv3.weight"], 1, dims=3)


TURNED = "deepen up by 1 using netmorph(factor=true)"
GROUPS = "deepen gc by 1 using netmorph(factor=true)"


@mutation("one factor of a transposed convolution turned round", MIXTURE, TURNED)
def _turned_factor(state: StateDict, at: Grown) -> None:
    name = "up_1.weight"
    state[name] = state[name].flip(0).clone()


@mutation("factors of two groups of a convolution exchanged", MIXTURE, GROUPS)
def _exchanged_groups(state: StateDict, at: Grown) -> None:
    half = len(state["gc_1.weight"]) // 2
    state["gc_1.weight"] = torch.cat([state["gc_1.weight"][half:], state["gc_1.weight"][:half]])


PIECES = "deepen mix by 1 using net2net"


@mutation("shifts of the pieces of an inserted maxout with the wrong sign", FORMS, PIECES)
def _piece_sign(state: StateDict, at: Grown) -> None:
    state["mix_1.bias"] *= -1


@mutation("pieces of an inserted maxout side by side instead of repeated", FORMS, PIECES)
def _pieces_tiled(state: StateDict, at: Grown) -> None:
    state["mix_1.weight"] = torch.eye(4).repeat(3, 1)


@mutation("the first piece of a unit of an inserted maxout shifted too", FORMS, PIECES)
def _piece_shifted(state: StateDict, at: Grown) -> None:
    state["mix_1.bias"][3] = -0.05


# --- branches -------------------------------------------------------------------------------------------


@mutation("parts of an identity skip that do not add up to it", CIFAR, "branch layer1.0 into 2")
def _skip_shares(state: StateDict, at: Grown) -> None:
    name = next(name for name in state if ".skip" in name)
    state[name] *= 1.2


# --- tables ---------------------------------------------------------------------------------------------


@mutation("an old row of a table with new rows changed", ROWS, "widen embed num_embeddings to 15")
def _old_row(state: StateDict, at: Grown) -> None:
    state["embed.weight"][4] = state["embed.weight"][12]
