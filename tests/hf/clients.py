"""Folders as ``transformers`` writes and reads them: the reference on both sides of a growth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hf.families import FAMILIES, Family, Saved, lift_casts

Put = Callable[[Any, str, Any], None]
MISSED = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs", "conversion_errors")


def shaken(name: str, dtype: torch.dtype = torch.float64, **changed: Any) -> nn.Module:
    """The class of a family with random weights of ``dtype``, none of them zero or one by construction.

    ``changed`` are fields of the configuration that differ from the family's here.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    family = FAMILIES[name]
    config = getattr(transformers, family.config)(**{**family.fields, **changed})
    torch.manual_seed(0)
    made = getattr(transformers, family.model)._from_config(config, dtype=dtype, attn_implementation="eager")
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model: nn.Module = made.eval()
    return model


def save(
    name: str, folder: Path, dtype: torch.dtype = torch.float64, shard: str | None = None, **changed: Any
) -> nn.Module:
    """A model saved by ``save_pretrained``, in shards of a size where one is given, with a tokenizer beside it."""
    model = shaken(name, dtype, **changed)
    model.save_pretrained(folder, **({} if shard is None else {"max_shard_size": shard}))  # type: ignore[operator]
    (folder / "tokenizer.json").write_text('{"version": "1.0"}\n')
    (folder / "generation_config.json").write_text('{\n  "do_sample": true,\n  "top_k": 7\n}\n')
    return model


def open_folder(family: Family, folder: Path) -> nn.Module:
    """What ``from_pretrained`` makes of a folder, in eval mode; no key is missing, left over, or of another shape."""
    import transformers

    model, report = getattr(transformers, family.model).from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager"
    )
    assert "missing_keys" in report
    for what in MISSED:
        assert not report.get(what), (what, report[what])
    opened: nn.Module = model.eval()
    return opened


def tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, as its files have them."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names: Mapping[str, str] = json.loads(index.read_text())["weight_map"]
        return {key: value for name in sorted(set(names.values())) for key, value in load_file(folder / name).items()}
    if (folder / "pytorch_model.bin").exists():
        found: dict[str, Tensor] = torch.load(folder / "pytorch_model.bin", weights_only=True)
        return found
    return load_file(folder / "model.safetensors")


def fields_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


@dataclass(frozen=True)
class Pair:
    """The class of a family on the folder before and after a growth."""

    family: Family
    old: nn.Module
    new: nn.Module

    def inputs(self) -> dict[str, Tensor]:
        return Saved(self.family, self.old, {}, {}).inputs()

    def logits(self) -> tuple[Tensor, Tensor]:
        inputs = self.inputs()
        with torch.no_grad():
            return self.old(**inputs).logits.double(), self.new(**inputs).logits.double()

    def error(self) -> float:
        """The largest difference of the logits, relative to the largest logit."""
        old, new = self.logits()
        return ((new - old).abs().max() / old.abs().max()).item()

    def sensitivity(self, eps: float) -> float:
        """What rounding noise of ``eps`` on the old model's weights does to its logits: the largest of three."""
        before = {name: value.clone() for name, value in self.old.state_dict().items()}
        old, worst = self.logits()[0], 0.0
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for parameter in self.old.parameters():
                    noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                    parameter.copy_(parameter.double() * (1 + eps * noise))
                noisy = self.old(**self.inputs()).logits.double()
                self.old.load_state_dict(before)
            worst = max(worst, ((noisy - old).abs().max() / old.abs().max()).item())
        return worst

    def in_float64(self, put: Put) -> Pair:
        """The same models where everything is computed in float64, what the class casts to float32 too (V-5)."""
        old, new = self.old.double(), self.new.double()
        lift_casts(old, put)
        lift_casts(new, put)
        return Pair(self.family, old, new)
