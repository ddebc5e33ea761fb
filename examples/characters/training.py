"""An ordinary training loop, and the loss on windows that are never trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from text import Text
from torch import Tensor

BATCH = 8
MEASURED = 32
"""Windows of the validation part that a point of a curve is measured on."""


@dataclass(frozen=True)
class Curve:
    """Validation losses, nats per character, after so many steps."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        return min(self.losses)


@torch.no_grad()
def loss_of(model: Any, windows: Tensor) -> float:
    """The mean loss over ``windows [N, CONTEXT]``; the model computes in its own type, the mean is float64."""
    losses = []
    for part in windows.split(16):
        logits = model(input_ids=part).logits[:, :-1].double()
        losses.append(torch.nn.functional.cross_entropy(logits.transpose(1, 2), part[:, 1:], reduction="none"))
    return torch.cat(losses).mean().item()


def train(model: Any, text: Text, steps: int, rate: float, seed: int) -> Curve:
    """AdamW with a short warm-up and a cosine to a tenth of ``rate``; the same batches for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    warm_up = max(1, steps // 15)

    def share(step: int) -> float:
        cosine = 0.55 + 0.45 * math.cos(math.pi * step / steps)
        return cosine * min(1.0, (step + 1) / warm_up)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    windows, every, curve = text.windows(MEASURED), max(1, steps // 20), Curve()
    for step in range(steps + 1):
        if step % every == 0 or step == steps:
            curve.steps.append(step)
            curve.losses.append(loss_of(model.eval(), windows))
        if step == steps:
            break
        model.train()
        batch = text.batch(BATCH, generator)
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return curve
