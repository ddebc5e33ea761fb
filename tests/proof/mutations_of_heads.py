"""Faults in heads of attention: keys and values that are copied for their query heads, and new and copied groups."""

from __future__ import annotations

import torch
from growth.support import StateDict
from proof.mutations import Grown, mutation

ATTENTION = "tests/proof/specs/attention.fpt"
SHARED = "enlarge layers.*.attn kv_heads to 4"
"""A head of keys and values for each of the four query heads; before there were two (T-4)."""
GROUPS = "widen layers.0.attn kv_heads to 4 using net2net"
"""Each group of one head of keys and values and two of queries twice (T-5)."""
NEW = "widen layers.0.attn kv_heads to 3"
SIZE = 3
"""Units of a head."""
FIRST = "layers.0.attn"


def heads(tensor: torch.Tensor) -> torch.Tensor:
    """A view of the rows by head."""
    return tensor.view(-1, SIZE, *tensor.shape[1:])


@mutation("heads of keys and values copied as a block, not each for its queries", ATTENTION, SHARED)
def _as_a_block(state: StateDict, at: Grown) -> None:
    for part in ("k_proj", "v_proj"):
        for kind in ("weight", "bias"):
            name = f"{FIRST}.{part}.{kind}"
            state[name] = torch.cat([at.old[name], at.old[name]])


@mutation("keys copied one way and values another", ATTENTION, SHARED)
def _values_otherwise(state: StateDict, at: Grown) -> None:
    for kind in ("weight", "bias"):
        name = f"{FIRST}.v_proj.{kind}"
        state[name] = torch.cat([at.old[name], at.old[name]])


@mutation("one copied head of keys is another's", ATTENTION, SHARED)
def _another_key(state: StateDict, at: Grown) -> None:
    keys = heads(state[f"{FIRST}.k_proj.weight"])
    keys[1] = keys[2]


@mutation("the bias of a copied head of values dropped", ATTENTION, SHARED)
def _bias_of_a_value(state: StateDict, at: Grown) -> None:
    heads(state[f"{FIRST}.v_proj.bias"])[3] = 0.0


@mutation("the gain of a norm of each head changed", ATTENTION, SHARED)
def _gain_of_heads(state: StateDict, at: Grown) -> None:
    state[f"{FIRST}.k_norm.weight"][1] *= 1.5


@mutation("a reader takes copied heads whole", ATTENTION, GROUPS, gradients=True)
def _whole_heads(state: StateDict, at: Grown) -> None:
    name = f"{FIRST}.o_proj.weight"
    old = at.old[name].view(8, 4, SIZE)
    state[name] = torch.cat([old, old], dim=1).reshape(8, -1)


@mutation("query heads of a copied group in another order", ATTENTION, GROUPS)
def _queries_turned(state: StateDict, at: Grown) -> None:
    queries = heads(state[f"{FIRST}.q_proj.weight"])
    queries[-2:] = queries[-2:].flip(0).clone()


@mutation("the output of a new group is read", ATTENTION, NEW)
def _new_group(state: StateDict, at: Grown) -> None:
    state[f"{FIRST}.o_proj.weight"][:, -SIZE:] = 0.1
