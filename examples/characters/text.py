"""Tiny Shakespeare as characters: windows to train on, and windows to measure with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

CONTEXT = 128
"""Characters that a model sees at once."""

PROMPT = "ROMEO:\n"
VOCABULARY = "characters.txt"
"""The file beside the weights that holds the vocabulary: one string, a character's id is its place."""


def data_file() -> Path:
    """``data/tinyshakespeare.txt`` in ``$FPTDSL_SHARED``, else in ``shared`` beside the checkout."""
    folder = Path(os.environ.get("FPTDSL_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    return folder / "data" / "tinyshakespeare.txt"


def encode(text: str, vocabulary: str) -> Tensor:
    """The ids of the characters, ``int64 [len(text)]``."""
    ids = {character: index for index, character in enumerate(vocabulary)}
    return torch.tensor([ids[character] for character in text])


@dataclass(frozen=True)
class Text:
    """Ids ``int64 [N]`` of the first nine tenths and of the rest."""

    vocabulary: str
    training: Tensor
    validation: Tensor

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """Windows of the training part, ``int64 [size, CONTEXT]``."""
        starts = torch.randint(len(self.training) - CONTEXT, (size,), generator=generator)
        return torch.stack([self.training[start : start + CONTEXT] for start in starts.tolist()])

    def windows(self, count: int) -> Tensor:
        """Evenly spread windows of the validation part, ``int64 [count, CONTEXT]``; always the same."""
        step = (len(self.validation) - CONTEXT) // count
        return torch.stack([self.validation[i * step : i * step + CONTEXT] for i in range(count)])


def load_text(vocabulary: str | None = None) -> Text:
    """The data, in the order of its characters' code points or of a given vocabulary."""
    text = data_file().read_text(encoding="utf-8")
    known = "".join(sorted(set(text))) if vocabulary is None else vocabulary
    ids = encode(text, known)
    cut = len(ids) * 9 // 10
    return Text(known, ids[:cut], ids[cut:])
