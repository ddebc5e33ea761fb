"""Random inputs fit the network: integers stay within the tables that they look up."""

from __future__ import annotations

from pathlib import Path

import pytest

from fptdsl.architecture import elaborate, lower
from fptdsl.language import load
from fptdsl.proof.inputs import TOKENS, random_sample

LOOK_UP = "model M {\n input tokens: int[50]\n embedding: embedding(%s, 4)\n flatten\n fc: linear(2)\n}"


@pytest.mark.parametrize("rows", [3, 300])
def test_tokens_are_rows_of_the_table(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "m.fpt"
    path.write_text(LOOK_UP % rows)
    drawn = random_sample(lower(elaborate(load(path))), 0, 20).inputs["tokens"]
    assert drawn.min() >= 0
    assert min(rows, TOKENS) - 1 <= drawn.max() < rows
    assert drawn.unique().numel() == rows or rows > 100
