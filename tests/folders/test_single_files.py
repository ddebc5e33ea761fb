"""One weights file of a family, grown by itself: its spec stands without the family, and every rule of it must hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

import fptdsl

from . import family

SPEC = """
model Net from config(hidden_size, num_layers, tied = false) {
  input x: float[6]
  body: {
    embed: linear(hidden_size)
    layers: repeat num_layers {
      residual {
        norm: layernorm
        up: linear(9)
        relu
        down: linear(hidden_size)
      }
    }
    ln: layernorm
  }
  head: linear(3)
}

checkpoint {
  rename "" to "body."
  rename "*.gamma" to "*.weight"
  rename "*.beta" to "*.bias"
  ignore "old.*"
  ignore "*.mask"
  ignore "*.bias"
}
"""


def _state(place: Path) -> dict[str, Tensor]:
    """As the class without a head calls its tensors, with the head beside."""
    (place / "net.fpt").write_text(SPEC)
    (place / "config.json").write_text(json.dumps({"hidden_size": 5, "num_layers": 2}))
    torch.manual_seed(0)
    module = fptdsl.build(place / "net.fpt", settings={"hidden_size": 5, "num_layers": 2})
    state = module.state_dict()
    return {key.removeprefix("body."): torch.randn_like(value) / 2 + 0.1 for key, value in state.items()}


def _with_ignored(state: dict[str, Tensor]) -> dict[str, Tensor]:
    more = {"layers.0.mask": torch.ones(8, 8), "old.w": torch.randn(7), "old.bias": torch.randn(7)}
    return {**state, **more}


def _with_prefix_in_part(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"body.{key}" if key.startswith("layers.1.") else key: value for key, value in state.items()}


def _with_old_norms(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """All prefixes, and old names of some norms only."""
    found = {}
    for key, value in state.items():
        key = key if key.startswith("head") else f"body.{key}"
        if ".norm." in key:
            key = key.replace("weight", "gamma").replace("bias", "beta")
        found[key] = value
    return found


def _with_both(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What an ignored name looks like is there too: a bias is a tensor of the network."""
    return {**_with_old_norms(state), "old.bias": torch.randn(3), "extra.bias": torch.randn(3)}


FILES = {
    "without the prefix": lambda state: state,
    "with ignored entries": _with_ignored,
    "the prefix here and there": _with_prefix_in_part,
    "old norms": _with_old_norms,
    "old norms and ignored entries": _with_both,
}
GROWTHS = ["deepen body.layers by 1", "deepen body.embed by 1", "deepen head by 1", "widen body.layers.*.up by 2x"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("grow", GROWTHS)
@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_it_is_grown_and_grown_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, grow: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    state = FILES[file](_state(tmp_path))
    old, once, twice = (Path(f"{name}.{kind}") for name in ("old", "once", "twice"))
    family.save(state, old)
    fptdsl.apply("net.fpt", old, grow=grow, out=once)
    grown = _load(once)
    assert set(state) <= set(grown)
    for key in set(grown) - set(state):  # new ones are called as what they are like
        stem, _, last = key.rpartition(".")
        assert (
            last in ("gamma", "beta") if "old norms" in file and stem.endswith(".norm") else last in ("weight", "bias")
        )
        assert key.startswith("body.") == ("old norms" in file and "head" not in key), key
    found = fptdsl.verify("net.fpt", old, "once.fpt", once, certificate=True)
    assert found.passed
    assert found.document["certificate"]["outcome"] == "passed"
    fptdsl.apply("once.fpt", once, grow=grow, out=twice)
    assert fptdsl.verify("net.fpt", old, "twice.fpt", twice).passed
    for key in ("layers.0.mask", "old.w", "old.bias", "extra.bias"):
        assert key not in state or torch.equal(state[key], _load(twice)[key])


def _load(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
