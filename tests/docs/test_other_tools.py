"""The lines of ``docs/from_other_tools.md`` do what the page says, on small folders of the families that they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

from hf.clients import Pair, open_folder, save
from hf.families import FAMILIES

from fptdsl.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "from_other_tools.md"
LINES = re.findall(r"^```sh\nfptdsl (apply .*)\n```", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
LAYERS = {"num_hidden_layers": 32, "hidden_size": 16, "intermediate_size": 16}
"""As many as the recipes are written for."""
EXACTNESS = {"deepen": 0.0, "widen": 1e-4}
"""In float32: nothing at all, or rounding."""


def growth_of(line: str) -> str:
    words = shlex.split(line)
    return words[words.index("--grow") + 1]


def test_every_recipe_of_the_table_has_its_line() -> None:
    table = [row.split("|")[3].strip(" `") for row in PAGE.read_text(encoding="utf-8").splitlines() if row[:2] == "| "]
    assert table[1:] == [growth_of(line) for line in LINES]


@pytest.mark.parametrize("line", [pytest.param(line, marks=pytest.mark.slow if "23" in line else ()) for line in LINES])
def test_the_line_keeps_the_function(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, growth = shlex.split(line), growth_of(line)
    name = words[1].removeprefix("hf/")
    monkeypatch.chdir(tmp_path)
    old = save(name, Path("my-model"), torch.float32, **(LAYERS if "deepen" in growth else {}))
    assert main(words) == 0
    new = open_folder(FAMILIES[name], Path("my-larger-model"))
    kind, _, rest = growth.partition(" ")
    assert Pair(FAMILIES[name], old, new).error() <= EXACTNESS[kind]
    if kind == "deepen":
        ends = [value for key, value in new.state_dict().items() if key.endswith("down_proj.weight")]
        inserted = range(24, 40) if rest.endswith("after 23") else range(4, 40, 5)
        assert [layer for layer, end in enumerate(ends) if not end.any()] == list(inserted)
