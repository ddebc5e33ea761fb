"""Activations by the names of ``transformers``: each is the class's function, and grows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

import fptdsl
from fptdsl.diagnostics import FptError
from hf.clients import Pair, open_folder, save
from hf.families import FAMILIES, lift_casts

NAMES = [
    "gelu", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_python_tanh", "gelu_pytorch_tanh",
    "hardswish", "leaky_relu", "linear", "mish", "quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "swish",
    "tanh",
]  # fmt: skip
ROUNDED = {"gelu_fast": 1e-9}
"""A constant of the class that is written with ten digits."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("family", "field", "growth"),
    [
        ("llama", "hidden_act", "widen * by 1.5x; deepen model.layers by 1"),
        ("gpt2", "activation_function", "widen transformer.h.*.mlp hidden by 1.5x using r2r"),
    ],
)
def test_an_activation(
    name: str, family: str, field: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save(family, tmp_path / "old", **{field: name})
    lift_casts(model, monkeypatch.setattr)
    inputs = Pair(FAMILIES[family], model, model).inputs()
    expected = model(**inputs).logits.detach()
    ours = fptdsl.load(f"hf/{family}", tmp_path / "old").double().eval()(inputs["input_ids"]).detach()
    assert ((ours - expected).abs().max() / expected.abs().max()).item() <= ROUNDED.get(name, 1e-12)
    fptdsl.apply(f"hf/{family}", tmp_path / "old", out=tmp_path / "new", grow=[growth])
    new = open_folder(FAMILIES[family], tmp_path / "new")
    assert Pair(FAMILIES[family], model, new).in_float64(monkeypatch.setattr).error() <= 1e-12


def test_the_names_are_those_of_the_library() -> None:
    from transformers.activations import ACT2CLS

    missing = {"gelu_10", "laplace", "prelu", "sqrtsoftplus", "xielu"}
    assert set(ACT2CLS) - missing == set(NAMES)


def test_one_that_is_not_described_is_named(tmp_path: Path) -> None:
    save("llama", tmp_path, hidden_act="laplace")
    with pytest.raises(FptError) as caught:
        fptdsl.plan("hf/llama", tmp_path, grow=["widen * by 2x"])
    (fault,) = caught.value.diagnostics
    assert '`hidden_act` = "laplace"' in (fault.hint or "")
    assert "gelu" not in fault.message
