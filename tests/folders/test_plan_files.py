"""What a plan is made of is never written over by the plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fptdsl
from fptdsl.diagnostics import FptError

from . import family


@pytest.mark.parametrize(
    "out", ["model/model.safetensors", "model/config.json", "model/sub/notes.txt", "tiny.fpt", "data.npz"]
)
def test_a_plan_never_takes_the_place_of_what_it_is_made_of(place: Path, out: str) -> None:
    family.write(place / "model")
    (place / "model" / "sub").mkdir()
    (place / "model" / "sub" / "notes.txt").write_text("kept")
    np.savez(place / "data.npz", x=family.inputs().float().numpy())
    before = (place / out).read_bytes()
    with pytest.raises(FptError) as caught:
        fptdsl.plan(
            "tiny.fpt", "model", grow="deepen layers by 1", out=out, force=True,
            calibrate="data.npz" if out == "data.npz" else None,
        )  # fmt: skip
    assert caught.value.diagnostics[0].code == "F601"
    assert (place / out).read_bytes() == before


def test_a_plan_beside_them_is_written_and_made_anew(place: Path) -> None:
    family.write(place / "model")
    out = place / "model" / "plan.json"
    fptdsl.plan("tiny.fpt", "model", grow="deepen layers by 1", out=out)
    first = out.read_bytes()
    with pytest.raises(FptError) as caught:
        fptdsl.plan("tiny.fpt", "model", grow="deepen layers by 2", out=out)
    assert caught.value.diagnostics[0].code == "F600"
    assert out.read_bytes() == first
    fptdsl.plan("tiny.fpt", "model", grow="deepen layers by 2", out=out, force=True)
    assert out.read_bytes() != first
