"""The sweep over every Space and place: exact or refused with a reason, none wrong."""

from __future__ import annotations

import pytest
from growth.sweep import NETWORKS, sweep

REASONS = {"F304", "F310", "F320", "F321", "F322"}
"""Frozen units, method not legal, nothing to deepen, no identity, shape changes."""
KEPT_AT_LEAST = {
    "mlp": 20, "lenet": 28, "vgg_bn 13": 80, "mlp_mixer": 40, "maxout_mlp": 20, "lstm_text": 16, "gru_text": 16,
}  # fmt: skip
FAST = ("mlp", "lenet", "maxout_mlp", "lstm_text", "gru_text", "mlp_mixer")


def hold(name: str) -> int:
    kept = 0
    for cell in sweep(name):
        if cell.refusal:
            assert cell.refusal in REASONS, cell
            assert cell.reason, cell
        else:
            kept += 1
            assert cell.error <= 1e-12, cell
            assert cell.stored <= 1e-11, cell
    return kept


@pytest.mark.parametrize("name", FAST)
def test_small_networks(name: str) -> None:
    assert hold(name) >= KEPT_AT_LEAST[name]


@pytest.mark.sweep
@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in FAST])
def test_all_networks(name: str) -> None:
    assert hold(name) >= KEPT_AT_LEAST.get(name, 60)
