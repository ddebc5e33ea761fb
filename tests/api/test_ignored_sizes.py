"""Ignored entries that have a size of the network are told where it grows, and carried over as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import fptdsl

SPEC = """
model Net {
  input ids: int[seq]
  table: embedding(10, 6)
  transpose(1, 2)
  conv: conv1d(7, 3, padding=1)
  relu
  out: conv1d(4, 1)
}
checkpoint { ignore "old.*" }
"""
UNITS, ROWS, KERNEL = "widen conv to 9", "widen table num_embeddings to 15", "enlarge conv kernel_size to 5"


def told(folder: Path, ignored: dict[str, Tensor], grow: str, kind: str = "safetensors") -> list[str]:
    """The warnings of growing a file with these entries, which are found in the grown one bit by bit."""
    spec, old, new = folder / "net.fpt", folder / f"old.{kind}", folder / f"new.{kind}"
    spec.write_text(SPEC)
    more = {f"old.{name}": value for name, value in ignored.items()}
    state = {**fptdsl.build(spec).state_dict(), **more}
    if kind == "safetensors":
        save_file(state, old)
    else:
        torch.save(state, old)
    planned = fptdsl.plan(spec, old, grow=grow).document["warnings"]
    result = fptdsl.apply(spec, old, grow=grow, out=new, force=True)
    if kind == "pt":
        after = torch.load(new, weights_only=True)
        assert all(torch.equal(after[name], value) for name, value in more.items())
    found = [text for text in result.document["warnings"] if "ignored entries" in text]
    assert found == [text for text in planned if "ignored entries" in text]
    return found


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_one_warning_for_all(tmp_path: Path, kind: str) -> None:
    ignored = {"w": torch.randn(7, 7), "b": torch.randn(7, dtype=torch.float16), "other": torch.randn(2, 5)}
    (text,) = told(tmp_path, ignored, UNITS, kind)
    assert text.startswith(("`old.w` and 1 more keep their size 7,", "`old.b` and 1 more keep their size 7,"))
    assert "describe them in the spec" in text
    ignored = {"w": torch.randn(10, 7)}
    (text,) = told(tmp_path, ignored, f"{UNITS}; {ROWS}", kind)
    assert text.startswith("`old.w` keeps its sizes 10 and 7,")


@pytest.mark.parametrize(
    ("shape", "grow", "warns"),
    [
        ((7,), UNITS, True),
        ((2, 7), UNITS, True),
        ((1, 5, 7), UNITS, True),  # a table of positions that is added to a batch
        ((1, 1, 7), UNITS, True),
        ((7, 7, 3), UNITS, True),
        ((10,), UNITS, False),
        ((9, 9), UNITS, False),  # the new size
        ((6, 6), UNITS, False),
        ((1, 1, 7, 7), UNITS, False),  # a causal mask
        ((1, 7, 7), UNITS, False),
        ((), UNITS, False),
        ((1, 1, 10, 10), ROWS, True),  # a causal mask, where positions grow
        ((10, 3), ROWS, True),
        ((7, 7), ROWS, False),
        ((3, 3), KERNEL, False),
        ((7, 7), "deepen conv by 1", False),
    ],
)  # fmt: skip
def test_what_is_told(tmp_path: Path, shape: tuple[int, ...], grow: str, warns: bool) -> None:
    assert bool(told(tmp_path, {"x": torch.randn(shape)}, grow)) == warns


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64])
def test_what_is_no_weight_is_not_told(tmp_path: Path, dtype: torch.dtype) -> None:
    assert told(tmp_path, {"mask": torch.ones(7, 7).to(dtype)}, UNITS) == []


def test_odd_tensors_are_told_by_their_shape(tmp_path: Path) -> None:
    assert len(told(tmp_path, {"x": torch.randn(7, 7).to_sparse()}, UNITS, "sparse.pt")) == 1
