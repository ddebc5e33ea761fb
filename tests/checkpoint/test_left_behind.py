"""Copies of the weights and states of optimizers, which growth leaves as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fptdsl.checkpoint import open_checkpoint
from fptdsl.checkpoint.left_behind import left_behind

STATE = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.ones(2)}
ADAM = {"state": {0: {"exp_avg": torch.ones(2, 3)}}, "param_groups": [{"lr": 0.1}]}


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (STATE, []),
        ({"state_dict": STATE, "epoch": 3, "optimizer": {"state": {}, "param_groups": []}}, []),
        ({"model": STATE, "other": {"head.weight": torch.ones(1)}}, []),
        ({"model": STATE, "ema": STATE}, ["`ema` has the keys of the network too", "only `model` is grown"]),
        ({"model": STATE, "state_dict": dict(STATE)}, ["both `state_dict` and `model` are state dicts"]),
        ({"model": STATE, "trainer": {"optimizer": ADAM}}, ["`trainer.optimizer` is the state of an optimizer"]),
        (
            {"model": STATE, "model_args": {"n_layer": 12, "n_embd": 768, "dropout": 0.0, "bias": True}},
            ["`model_args` keeps the old `n_layer`, `n_embd`"],
        ),
        ({"model": STATE, "log": {"n_layer": 12, "n_embd": 7, "bias": True, "step": 3}}, []),
    ],
)
def test_what_keeps_its_old_shapes(tmp_path: Path, held: dict[str, object], told: list[str]) -> None:
    if "ema" in held:
        held = {**held, "ema": {key: value.clone() for key, value in STATE.items()}}
    torch.save(held, tmp_path / "file.pt")
    with open_checkpoint(tmp_path / "file.pt") as source:
        found = left_behind(source, {"n_layer": 12, "n_embd": 768, "bias": True, "dropout": 0.0})
    assert bool(found) == bool(told)
    assert all(words in found[0] for words in told)
