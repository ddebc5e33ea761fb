"""Growths that meet in one layer are certified, and faults in it are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from growth.support import grow
from proof.test_certificate import certificate_of

DEEPENING = "tests/growth/specs/deepening.fpt"
GROUPED = "tests/proof/specs/grouped.fpt"
RECURRENT = "tests/growth/specs/recurrent.fpt"
PLAIN = """\
model Plain {
  input x: float[6]
  layers: sequential {
    { fc: linear(8); relu }
    { fc: linear(8); relu }
    { fc: linear(8); relu }
  }
  head: linear(3)
}
"""

PIECES = [  # More pieces of each maxout unit than the inserted layer was drawn up with.
    (DEEPENING, "deepen mo1 by 1 to 20", "mo1_1"),
    (DEEPENING, "deepen mo1 by 1 to 20 using net2net", "mo1_1"),
    (GROUPED, "deepen mix by 1 to 15 using net2net", "mix_1"),
]
PUT_TOGETHER = [  # The units of the GRU are those of two directions of the LSTM before it.
    "widen * by 1.5x",
    "widen * by 2x",
    "widen gru to 12",
    "widen lstm by 5",
    "widen lstm by 4 using netmorph",
    "widen gru to 16 using r2r",
]
MULTIPLES = [
    "widen layers.2.fc by 3 using r2r(transfer=true); branch layers.2.fc into 3",
    "widen layers.1.fc by 4 using r2r(transfer=true); branch layers.1.fc into 2; branch layers.2.fc into 2",
]


@pytest.mark.parametrize(("spec", "directive", "layer"), PIECES)
def test_pieces_are_added_to_an_inserted_maxout(spec: str, directive: str, layer: str) -> None:
    outcome = grow(spec, directive, dtype="float64")
    assert outcome.stored <= 1e-12
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"
    state = {name: value.clone() for name, value in outcome.grown.items()}
    state[f"{layer}.bias"][-1] = 0.5
    assert outcome.error_of(state) > 1e-3
    found = certificate_of(outcome.plan, outcome.state, state)
    assert found.outcome == "failed"
    assert any(finding.tensor == f"{layer}.bias" for finding in found.findings)


@pytest.mark.parametrize("directive", PUT_TOGETHER)
def test_units_of_a_recurrent_layer_that_another_puts_together(directive: str) -> None:
    outcome = grow(RECURRENT, directive, dtype="float64")
    assert outcome.stored <= 1e-12
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"
    for name in ("gru.weight_ih_l0", "gru.weight_hh_l0"):
        state = {key: value.clone() for key, value in outcome.grown.items()}
        state[name][0, 0] += 0.25
        assert outcome.error_of(state) > 1e-6
        found = certificate_of(outcome.plan, outcome.state, state)
        assert any(finding.tensor == name for finding in found.findings), name


@pytest.mark.parametrize("directive", MULTIPLES)
def test_a_layer_of_multiples_becomes_branches(directive: str, tmp_path: Path) -> None:
    spec = tmp_path / "plain.fpt"
    spec.write_text(PLAIN)
    outcome = grow(str(spec), directive, dtype="float64")
    assert outcome.stored <= 1e-12
    assert certificate_of(outcome.plan, outcome.state, outcome.grown).outcome == "passed"
    bias = f"{directive.split()[1]}.bias"
    state = {name: value.clone() for name, value in outcome.grown.items()}
    state[bias][:8] = outcome.state[bias]  # those of the units, not of what they are multiplied by
    assert outcome.error_of(state) > 1e-3
    found = certificate_of(outcome.plan, outcome.state, state)
    assert any(finding.tensor == bias for finding in found.findings)
