"""Folders of the stock classes of ``transformers``, grown and loaded again: the client of all growth of folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hf.families import FAMILIES, Family, Saved, lift_casts, saved
from torch import nn

import fptdsl


@dataclass(frozen=True)
class Grown:
    """``fields``: those of the ``config.json`` that changed.  ``ties``: path, new size and cause of each."""

    document: Mapping[str, Any]
    error: float
    fields: Mapping[str, Any]
    model: nn.Module

    @property
    def ties(self) -> list[tuple[str, int, str]]:
        return [(tie["path"], tie["new"], tie["cause"]) for step in self.document["steps"] for tie in step["ties"]]


class Stock:
    """A small random model of a family, saved in float64 with ``save_pretrained``."""

    def __init__(self, name: str, place: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
        known = FAMILIES[name]
        family = Family(known.spec, known.model, known.config, {**known.fields, **fields})
        monkeypatch.setitem(FAMILIES, name, family)
        self.monkeypatch, self.folder = monkeypatch, place / "model"
        self.spec, self.out = f"hf/{family.spec}", place / "grown"
        self.saved: Saved = saved(name, self.folder)
        self.saved.model.config.dtype = torch.float64  # type: ignore[union-attr]
        self.saved.model.save_pretrained(self.folder)  # type: ignore[operator]

    def plan(self, grow: str) -> Mapping[str, Any]:
        return fptdsl.plan(self.spec, self.folder, grow=grow).document

    def grow(self, grow: str) -> Grown:
        """Grow the folder, load it with ``from_pretrained``, and compare all logits in float64."""
        import transformers

        document = fptdsl.apply(self.spec, self.folder, out=self.out, grow=grow, force=True).document
        grown, info = getattr(transformers, self.saved.family.model).from_pretrained(
            self.out, dtype=torch.float64, output_loading_info=True, attn_implementation="eager"
        )
        assert not any(info.values()), info
        for model in (self.saved.model, grown):
            lift_casts(model, self.monkeypatch.setattr)
        grown.eval()
        inputs = self.saved.inputs()
        before = self.saved.logits(inputs)
        with torch.no_grad():
            after = grown(**inputs).logits
        error = ((after - before).abs().max() / before.abs().max()).item()
        fields = {item["field"]: item["new"] for item in document["config"]["fields"]}
        return Grown(document, error, fields, grown)
