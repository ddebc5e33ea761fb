"""Growth of published families from file to file: the grown file loads strictly into the class of the new size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import reference_networks as reference
import torch
from torch import nn

import fptdsl

ROOT = Path(__file__).resolve().parents[2]
STAGES = {"blocks1": 2, "blocks2": 1, "blocks3": 1, "blocks4": 1}

CASES: list[tuple[str, dict[str, Any], nn.Module, str, nn.Module, tuple[int, ...]]] = [
    ("convnext", {"width": 4, "size": 32, "num_classes": 5, **STAGES},
     reference.ConvNeXt(4, (2, 1, 1, 1), num_classes=5), "widen * by 2x; deepen features.5 by 2",
     reference.ConvNeXt(8, (2, 1, 3, 1), num_classes=5), (3, 32, 32)),
    # The stages' names are renamed by the spec's `checkpoint` section, in the file they are torchvision's.
    ("regnet_y", {"group_width": 4, "size": 32, "num_classes": 5, **STAGES},
     reference.RegNetY((16, 24, 52, 104, 220), (2, 1, 1, 1), 4, 5), "widen * by 2x; deepen trunk_output.block1 by 1",
     reference.RegNetY((32, 48, 104, 208, 440), (3, 1, 1, 1), 4, 5), (3, 32, 32)),
    ("resnet", {"layers": 50, "groups": 4, "width_per_group": 2, "size": 32, "num_classes": 5, **STAGES},
     reference.ResNeXt((2, 1, 1, 1), 4, 2, 5), "widen layer*.*.conv2 by 2x; deepen layer1 by 1",
     reference.ResNeXt((3, 1, 1, 1), 8, 2, 5), (3, 32, 32)),
    ("densenet", {"growth": 4, "width": 8, "size": 32, "num_classes": 5, **STAGES, "blocks4": 2},
     reference.DenseNet((2, 1, 1, 2), 4, 8, 4, 5), "widen * by 2x", reference.DenseNet((2, 1, 1, 2), 8, 16, 4, 5),
     (3, 32, 32)),
    ("mlp_mixer", {"width": 6, "depth": 2, "tokens": 5, "channels": 7, "patch": 4, "size": 16},
     reference.MlpMixer(6, 2, 5, 7, 4, 16), "widen blocks.*.mlp_tokens.fc1 to 9; deepen blocks by 1",
     reference.MlpMixer(6, 3, 9, 7, 4, 16), (3, 16, 16)),
    ("lstm_text", {"vocabulary": 20, "width": 5, "hidden": 6}, reference.LstmText(20, 5, 6),
     "widen lstm to 9; widen embedding to 8", reference.LstmText(20, 8, 9), (7,)),
    ("gru_text", {"vocabulary": 20, "width": 5, "hidden": 6, "layers": 2}, reference.GruText(20, 5, 6, 2),
     "widen gru by 1.5x using net2net", reference.GruText(20, 5, 9, 2), (7,)),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "settings", "old", "growth", "new", "shape"), CASES, ids=[case[0] for case in CASES])
def test_grown_file(
    spec: str, settings: dict[str, Any], old: nn.Module, growth: str, new: nn.Module, shape: tuple[int, ...],
    tmp_path: Path,
) -> None:  # fmt: skip
    reference.shake(old)
    torch.save(old.state_dict(), tmp_path / "small.pt")
    out = tmp_path / "grown.pt"
    result = fptdsl.apply(
        ROOT / "specs" / f"{spec}.fpt", tmp_path / "small.pt", out=out, grow=[growth], settings=settings
    )
    assert result.passed
    state = torch.load(out, weights_only=True)
    new.load_state_dict(state, strict=True)
    generator = torch.Generator().manual_seed(0)
    if "text" in spec:
        x = torch.randint(20, (3, *shape), generator=generator)
    else:
        x = torch.randn(3, *shape, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        expected, found = old.double().eval()(x), new.double().eval()(x)
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-11
        # The written spec describes the grown file, and can be grown again.
        again = fptdsl.load(out.with_suffix(".fpt"), out).double().eval()
        assert float((again(x) - expected).abs().max() / expected.abs().max()) < 1e-11
    assert fptdsl.plan(out.with_suffix(".fpt"), grow=["widen * by 2x"]).steps
