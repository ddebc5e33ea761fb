"""A checkpoint with NaN or infinity is refused as that, whatever its growth would make of them."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from two_layers import save, state_of, written_spec

import fptdsl
from fptdsl.checkpoint import known_files
from fptdsl.checkpoint.scanning import Scan, scan_file
from fptdsl.diagnostics import FptError


@pytest.mark.parametrize("seconds", [0.0, 0.3], ids=["soon", "late"])
@pytest.mark.parametrize("container", ["safetensors", "pt"])
@pytest.mark.parametrize("name", ["first.weight", "second.weight", "third.weight"])
@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
@pytest.mark.parametrize(
    "grow",
    ["", "widen first to 8", "widen first to 8 using net2net", "deepen second by 1 using netmorph(factor=true)"],
)
def test_it_is_told_before_what_follows_from_it(
    grow: str,
    bad: float,
    name: str,
    container: str,
    seconds: float,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long looking at the values takes."""

    def slow(*given: Any) -> Scan:
        sleep(seconds)
        return scan_file(*given)

    monkeypatch.setattr(known_files, "scan_file", slow)
    spec = written_spec(tmp_path)
    state = state_of(spec)
    state[name][-1, -1] = bad
    source, target = save(state, tmp_path / f"two.{container}"), tmp_path / f"grown.{container}"
    with pytest.raises(FptError) as caught:
        fptdsl.apply(spec, source, grow=grow, out=target)
    (found,) = caught.value.diagnostics
    assert found.code == "F444"
    assert f"`{name}` holds {int(bad != bad)} NaN and {int(bad == bad)} infinite values" in found.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["two.fpt", source.name]
    assert "Warning" not in capfd.readouterr().err


@pytest.mark.parametrize("container", ["safetensors", "pt"])
def test_what_is_ignored_may_hold_infinity(container: str, tmp_path: Path) -> None:
    """Masks, for one: they are carried over, and nobody looks at them."""
    spec = written_spec(tmp_path, 'checkpoint { ignore "old.*" }\n')
    state = state_of(spec)
    state["old.mask"] = torch.full((4,), float("-inf"))
    source, target = save(state, tmp_path / f"two.{container}"), tmp_path / f"grown.{container}"
    assert fptdsl.apply(spec, source, grow="widen first to 8", out=target).passed
    grown = torch.load(target) if container == "pt" else load_file(target)
    assert torch.equal(grown["old.mask"], state["old.mask"])
