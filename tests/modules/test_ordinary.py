"""What people do with modules: copy, pickle, save, export, train.  Nothing of this package is needed for it."""

from __future__ import annotations

import copy
import io
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import fx, nn

Build = Callable[[str], fx.GraphModule]

SPEC = """
block Basic(width, stride = 1) {
  residual {
    conv1: conv2d(width, 3, stride=stride, padding=1, bias=false)
    bn1: batchnorm2d
    relu
  } shortcut {
    if stride != 1 { subsample2d(stride); pad_channels(width // 4, width // 4) }
  }
  relu
}
model Small {
  input image: float[3, 8, 8]
  conv1: conv2d(8, 3, padding=1)
  prelu1: prelu(8)
  maxpool2d(2, padding=1, ceil_mode=true)
  layer1: repeat 2 as i { Basic(8 * (i + 1), stride = i + 1) }
  dropout(0.1)
  wide: conv2d(24, 1)
  maxout(3)
  adaptive_avgpool2d(1)
  flatten
  fc: linear(4)
}
"""


@pytest.fixture
def module(build_text: Build) -> fx.GraphModule:
    return build_text(SPEC)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8)


def test_deepcopy(module: fx.GraphModule, image: torch.Tensor) -> None:
    module.eval()
    twin = copy.deepcopy(module)
    assert torch.equal(twin(image), module(image))
    with torch.no_grad():
        twin.fc.bias.add_(1)
    assert not torch.equal(twin(image), module(image))


def test_pickle_twice(module: fx.GraphModule, image: torch.Tensor) -> None:
    module.eval()
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(module))))
    assert torch.equal(again(image), module(image))
    assert type(again).__name__ == "Small"
    assert list(again.state_dict()) == list(module.state_dict())
    assert not again.training


def test_pickles_name_nothing_of_this_package(module: fx.GraphModule) -> None:
    words = {arg for _, arg, _ in pickletools.genops(pickle.dumps(module)) if isinstance(arg, str)}
    assert not any("fptdsl" in word for word in words)


def test_loads_where_the_package_is_not_installed(module: fx.GraphModule, image: torch.Tensor, tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    torch.save({"module": module.eval(), "image": image, "expected": module(image)}, path)
    script = (
        "import sys, torch\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'fptdsl': raise ImportError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        f"saved = torch.load({str(path)!r}, weights_only=False)\n"
        "assert torch.equal(saved['module'](saved['image']), saved['expected'])\n"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert result.returncode == 0, result.stderr


def test_save_and_load(module: fx.GraphModule, image: torch.Tensor) -> None:
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    twin = copy.deepcopy(module)
    nn.init.zeros_(twin.fc.weight)
    twin.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(twin.eval()(image), module.eval()(image))


def test_export_with_a_free_batch(module: fx.GraphModule, image: torch.Tensor) -> None:
    module.eval()
    program = torch.export.export(module, (image,), dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1)}})
    more = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(program.module()(more), module(more))


def test_training(module: fx.GraphModule) -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(32, 3, 8, 8), torch.arange(32) % 4
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(module(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert int(module.get_submodule("layer1.0.bn1").num_batches_tracked) == 30
