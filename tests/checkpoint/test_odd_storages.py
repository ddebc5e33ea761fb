"""Torch files with storages that no plain tensor has: carried over bit by bit, ignored or beside the state dict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fptdsl.checkpoint import open_checkpoint, write_checkpoint

from .helpers import fault, grown, kept, rules

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
"""torch calls some of these kinds experimental, others deprecated."""

FLAT = torch.arange(1.0, 13.0)


def _parameter() -> torch.Tensor:
    tagged: Any = torch.nn.Parameter(torch.randn(2))
    tagged.tag = torch.arange(3.0)
    return tagged


ODD: dict[str, Callable[[], Any]] = {
    "sparse": lambda: torch.randn(4, 5).relu().to_sparse(),
    "compressed": lambda: torch.randn(3, 4).relu().to_sparse_csr(),
    "nested": lambda: torch.nested.nested_tensor([torch.randn(2), torch.randn(3)]),
    "quantised": lambda: torch.quantize_per_tensor(torch.randn(4), 0.1, 3, torch.qint8),
    "conjugated": lambda: torch.randn(3, dtype=torch.complex64).conj(),
    "negated": lambda: torch.randn(3, dtype=torch.complex64).conj().imag,
    "half complex": lambda: torch.randn(3).to(torch.complex32),
    "tagged parameter": _parameter,
    "bare storage": lambda: torch.randn(7).untyped_storage(),
    "typed storage": lambda: torch.randn(5).storage(),
}
UNREADABLE = ("nested", "bare storage", "half complex")
"""What torch writes into the older container and cannot read again."""
CASES = [("zip", kind) for kind in ODD] + [("legacy", kind) for kind in ODD if kind not in UNREADABLE]


def _same(left: Any, right: Any) -> None:
    """The same type, layout and bits, down to the tensors that a tensor is made of."""
    assert type(left) is type(right)
    if isinstance(left, (torch.UntypedStorage, torch.storage.TypedStorage)):
        assert left.tolist() == right.tolist()
        return
    assert (left.dtype, left.layout, left.is_conj(), left.is_neg()) == (
        right.dtype, right.layout, right.is_conj(), right.is_neg()
    )  # fmt: skip
    parts = [[tensor] for tensor in (left, right)]
    if left.is_nested:
        parts = [list(tensor.unbind()) for tensor in (left, right)]
    elif left.layout == torch.sparse_coo:
        parts = [[tensor._indices(), tensor._values()] for tensor in (left, right)]
    elif left.layout == torch.sparse_csr:
        parts = [[tensor.crow_indices(), tensor.col_indices(), tensor.values()] for tensor in (left, right)]
    elif left.is_quantized:
        assert (left.q_scale(), left.q_zero_point()) == (right.q_scale(), right.q_zero_point())
        parts = [[tensor.int_repr()] for tensor in (left, right)]
    for one, other in zip(*parts, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert bytes(one.detach().untyped_storage()) == bytes(other.detach().untyped_storage())
    if hasattr(left, "tag"):
        _same(left.tag, right.tag)


def _state() -> dict[str, Any]:
    return {"a": torch.randn(5, 4), "flat": FLAT.view(3, 4), "b": torch.randn(3)}


@pytest.mark.parametrize(("container", "kind"), CASES)
@pytest.mark.parametrize("place", ["ignored", "beside"])
def test_odd_storages_are_carried_over(tmp_path: Path, container: str, kind: str, place: str) -> None:
    odd, state = ODD[kind](), _state()
    if place == "ignored" and isinstance(odd, torch.Tensor):
        state["old.x"] = odd
        item, section = state, rules(("ignore", "old.*"))
    else:
        item, section = {"state_dict": state, "ema": {"old.x": [odd]}}, None
    torch.save(item, tmp_path / "old", _use_new_zipfile_serialization=container == "zip")
    more = torch.randn(7, 4)
    with open_checkpoint(tmp_path / "old", section) as source:
        tensors = [grown("a", "a", more) if one.name == "a" else one for one in kept(source)]
        write_checkpoint(tmp_path / "new", source, tensors)
    before, after = (torch.load(tmp_path / name, weights_only=True) for name in ("old", "new"))
    weights = after.get("state_dict", after)
    assert torch.equal(weights["a"], more)
    assert torch.equal(weights["flat"], state["flat"])
    if "ema" in before:
        _same(before["ema"]["old.x"][0], after["ema"]["old.x"][0])
    else:
        _same(before["old.x"], after["old.x"])


def test_a_bare_storage_is_still_that_of_a_tensor(tmp_path: Path) -> None:
    torch.save({"state_dict": _state(), "ema": FLAT.storage()}, tmp_path / "old")
    with open_checkpoint(tmp_path / "old") as source:
        write_checkpoint(tmp_path / "new", source, kept(source))
    after = torch.load(tmp_path / "new", weights_only=True)
    assert after["ema"]._untyped_storage._cdata == after["state_dict"]["flat"].untyped_storage()._cdata


def test_a_damaged_odd_storage_is_told(tmp_path: Path) -> None:
    """Its checksum in the file is held against what is carried over."""
    sparse = torch.randn(64, 64).to_sparse()
    torch.save({"state_dict": _state(), "ema": sparse}, tmp_path / "old")
    data = (tmp_path / "old").read_bytes()
    values = bytes(sparse._values().untyped_storage())
    at = data.index(values)
    damaged = data[: at + 9] + bytes([data[at + 9] ^ 1]) + data[at + 10 :]
    (tmp_path / "old").write_bytes(damaged)
    with open_checkpoint(tmp_path / "old") as source:
        item = fault(lambda: write_checkpoint(tmp_path / "new", source, kept(source)), "F410")
    assert "does not match its checksum" in item.message
