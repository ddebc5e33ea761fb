"""``--calibrate``: inserted batch norms with the statistics of data, the identity in eval and on that batch (D-4)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from growth.support import graph_of, random_state

import fptdsl
from fptdsl.api import StalePlan
from fptdsl.diagnostics import FptError
from fptdsl.modules import build
from fptdsl.modules.measure import channel_statistics

SPEC = """\
model Net {
  input image: float[3, 10, 10]
  conv1: conv2d(8, 3, padding=1)
  bn1: batchnorm2d
  relu
  pool: maxpool2d(2)
  conv2: conv2d(6, 3, padding=1)
  bn2: batchnorm2d
  relu
  flatten
  fc: linear(5)
}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    spec, checkpoint, data = tmp_path / "net.fpt", tmp_path / "net.pt", tmp_path / "data.npz"
    spec.write_text(SPEC)
    graph, _ = graph_of(str(spec))
    torch.save(random_state(graph), checkpoint)
    np.savez(data, image=np.random.default_rng(0).normal(1.0, 2.0, (150, 3, 10, 10)).astype(np.float32))
    return spec, checkpoint, data


def batch(data: Path) -> torch.Tensor:
    return torch.from_numpy(np.load(data)["image"])


def test_statistics_are_those_of_the_whole_data(files: tuple[Path, Path, Path]) -> None:
    spec, checkpoint, data = files
    graph, _ = graph_of(str(spec))
    state, x = torch.load(checkpoint), batch(data)
    found = channel_statistics(graph, state, [{"image": x}])
    module = build(graph).double().train()
    module.load_state_dict(state)
    with torch.no_grad():
        relu = torch.relu(module.bn1(module.conv1(x.double())))
    mean, variance = (torch.tensor(part, dtype=torch.float64) for part in found["relu"])
    assert torch.allclose(mean, relu.mean((0, 2, 3)), rtol=1e-12)
    assert torch.allclose(variance, relu.var((0, 2, 3), unbiased=False), rtol=1e-12)
    assert found["image"][0] == pytest.approx(x.double().mean((0, 2, 3)).tolist(), rel=1e-12)


@pytest.mark.parametrize("bn", ["auto", "data"])
def test_the_block_is_the_identity_in_eval_and_on_that_batch_in_training(
    files: tuple[Path, Path, Path], bn: str
) -> None:
    spec, checkpoint, data = files
    out = spec.parent / "grown.pt"
    directive = f"deepen conv1 by 2 using net2net(bn={bn}); deepen conv2 by 1 using net2net(bn={bn})"
    result = fptdsl.apply(spec, checkpoint, out=out, grow=directive, calibrate=data)
    assert result.document["exactness"] == "eval-only"
    assert result.document["verification"]["max_relative_error"] <= 1e-11
    assert any("calibration data" in warning for warning in result.document["warnings"])
    grown = fptdsl.load(spec.parent / "grown.fpt", out).double()
    x = batch(data).double()
    for layers, entering in (((grown.conv1_1, grown.bn1_1), _relu1), ((grown.conv2_1, grown.bn2_1), _relu2)):
        with torch.no_grad():
            value = entering(grown.train(), x)
            norm = layers[1]
            after = norm(layers[0](value))
            fresh = torch.nn.BatchNorm2d(norm.num_features).double()(layers[0](value))
        # The search on the file's grid moves the variance by at most one percent (S-3).
        assert float((after - value).abs().max() / value.abs().max()) <= 5e-3
        assert float((fresh - value).abs().max() / value.abs().max()) > 0.1


class Plain(torch.nn.Module):
    """The network of ``SPEC`` by torch's own modules; ``deeper``: with one more layer behind each convolution."""

    def __init__(self, deeper: bool) -> None:
        super().__init__()
        self.deeper = deeper
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8)
        self.conv2, self.bn2 = torch.nn.Conv2d(8, 6, 3, padding=1), torch.nn.BatchNorm2d(6)
        if deeper:
            self.conv1_1, self.bn1_1 = torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.BatchNorm2d(8)
            self.conv2_1, self.bn2_1 = torch.nn.Conv2d(6, 6, 3, padding=1), torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(150, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn1_1(self.conv1_1(x))) if self.deeper else x
        x = torch.relu(self.bn2(self.conv2(torch.max_pool2d(x, 2))))
        x = torch.relu(self.bn2_1(self.conv2_1(x))) if self.deeper else x
        return self.fc(x.flatten(1))


def test_the_size_in_training_is_measured_on_the_data_and_is_that_of_torch(files: tuple[Path, Path, Path]) -> None:
    spec, checkpoint, data = files
    sizes = {}
    for name, bn in (("data", "data"), ("unit", "unit")):
        out = spec.parent / f"{name}.pt"
        grow = f"deepen conv1 by 1 using net2net(bn={bn}); deepen conv2 by 1 using net2net(bn={bn})"
        found = fptdsl.apply(spec, checkpoint, out=out, grow=grow, calibrate=data).document["calibration"]
        outputs = []
        for deeper, path in ((False, checkpoint), (True, out)):
            network = Plain(deeper).double()
            network.load_state_dict(torch.load(path, weights_only=True), strict=True)
            with torch.no_grad():
                outputs.append(network.train()(batch(data).double()))
        expected = float((outputs[0] - outputs[1]).abs().max() / outputs[0].abs().max())
        assert found["rows"] == 150
        assert found["train_mode"] == pytest.approx(expected, rel=1e-6)
        receipt = json.loads(out.with_suffix(".receipt.json").read_text())
        assert receipt["calibration"] == found
        sizes[name] = expected
    assert sizes["data"] <= 0.02
    assert sizes["unit"] > 0.1


def _relu1(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.relu(net.bn1(net.conv1(x)))


def _relu2(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.relu(net.bn2(net.conv2(net.pool(_relu1(net, x)))))


def test_a_norm_behind_a_pool_is_measured_where_the_closed_form_does_not_reach(
    files: tuple[Path, Path, Path],
) -> None:
    spec, checkpoint, data = files
    plan = fptdsl.plan(spec, checkpoint, grow="deepen conv1 by 1", calibrate=data).plan
    recipe = next(t.recipe for t in plan.tensors if t.name == "bn1_1.running_mean")
    assert recipe is not None
    assert recipe.start.statistics == "data"
    assert len(recipe.start.mean) == 8


def test_a_saved_plan_keeps_its_data(files: tuple[Path, Path, Path]) -> None:
    spec, checkpoint, data = files
    saved, out = spec.parent / "plan.json", spec.parent / "grown.pt"
    fptdsl.plan(spec, checkpoint, grow="deepen conv1 by 1", calibrate=data, out=saved)
    assert json.loads(saved.read_text())["given"]["calibrate"]["path"] == str(data)
    fptdsl.apply(spec, checkpoint, plan=saved, out=out)
    assert out.exists()
    np.savez(data, image=np.ones((4, 3, 10, 10), dtype=np.float32))
    with pytest.raises(StalePlan, match="calibration data"):
        fptdsl.apply(spec, checkpoint, plan=saved, out=out, force=True)


def test_a_single_row_has_no_statistics_of_a_batch(files: tuple[Path, Path, Path]) -> None:
    spec, checkpoint, data = files
    np.savez(data, image=batch(data)[:1].numpy())
    out = spec.parent / "grown.pt"
    result = fptdsl.apply(spec, checkpoint, out=out, grow="deepen conv1 by 1", calibrate=data)
    assert result.document["calibration"] == {"rows": 1, "train_mode": None}


def test_what_is_missing_is_said(files: tuple[Path, Path, Path]) -> None:
    spec, checkpoint, data = files
    with pytest.raises(FptError, match="no checkpoint"):
        fptdsl.plan(spec, grow="deepen conv1 by 1", calibrate=data)
    with pytest.raises(FptError, match="needs data to measure"):
        fptdsl.plan(spec, checkpoint, grow="deepen conv1 by 1 using net2net(bn=data)")
    np.savez(data, picture=np.ones((4, 3, 10, 10), dtype=np.float32))
    with pytest.raises(FptError, match="no array `image`"):
        fptdsl.plan(spec, checkpoint, grow="deepen conv1 by 1", calibrate=data)
