"""The page and the picture that ``run.py`` makes of what happened."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from training import Curve


@dataclass(frozen=True)
class Story:
    """One family: what fresh processes said before and after, the verification, curves, and seconds of training."""

    title: str
    spec: str
    growth: str
    before: dict[str, Any]
    after: dict[str, Any]
    verification: dict[str, Any]
    curves: dict[str, Curve]
    seconds: dict[str, float]


def draw(stories: list[Story], path: Path) -> None:
    """Validation loss against steps: the small model first, then the three that train on."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(stories), figsize=(5.2 * len(stories), 3.6), squeeze=False, sharey=True)
    for axis, story in zip(axes[0], stories):
        first = story.curves["the small model"]
        for name, curve in story.curves.items():
            goes_on = name.endswith("trained on")
            start = first.steps[-1] if goes_on else 0
            steps = [start + step for step in curve.steps]
            axis.plot(steps, curve.losses, "-" if name != "large, from nothing" else "--", label=name, linewidth=1.4)
        axis.axvline(first.steps[-1], color="grey", linewidth=0.6)
        axis.set(title=story.title, xlabel="steps", ylim=(1.4, 3.0))
    axes[0][0].set_ylabel("validation loss, nats per character")
    axes[0][-1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _lead(story: Story) -> str:
    """When the grown model is as good as the large one from nothing is at its end, in a sentence."""
    nothing, grown = story.curves["large, from nothing"], story.curves["grown, trained on"]
    last, goal = nothing.steps[-1], nothing.losses[-1]
    before = story.curves["the small model"].steps[-1]
    reached = next((step for step, loss in zip(grown.steps, grown.losses) if loss <= goal), None)
    if reached is None:
        return f"The grown model does not get as far as the large one from nothing in {last:,} steps."
    when = "before its first step" if reached == 0 else f"after {reached:,} steps"
    return (
        f"What the large model from nothing reaches in {last:,} steps, the grown one has {when}; "
        f"the {before:,} steps of the small model came before that."
    )


def _section(story: Story) -> list[str]:
    before, after, curves = story.before, story.after, story.curves
    change = abs(after["loss"] / before["loss"] - 1)
    text = "the same" if after["text"] == before["text"] else "differs"
    names = [name for name in curves if name != "the small model"]
    steps = curves[names[0]].steps
    marks = sorted({0, len(steps) // 4, len(steps) // 2, len(steps) - 1})
    head = " | ".join(f"step {steps[mark]:,}" for mark in marks)
    rows = [
        f"| {name} | {' | '.join(f'{curves[name].losses[mark]:.3f}' for mark in marks)} | {story.seconds[name]:.0f} s |"
        for name in names
    ]
    return [
        f"## {story.title}",
        "",
        "```sh",
        f'fptdsl apply {story.spec} ./small --grow "{story.growth}" -o ./grown',
        "```",
        "",
        "| | small | grown |",
        "|---|---|---|",
        f"| parameters | {before['parameters']:,} | {after['parameters']:,} |",
        f"| validation loss, {after['dtype']} | {before['loss']:.7f} | {after['loss']:.7f} |",
        f"| difference, relative | | {change:.1e} |",
        f"| greedy text, {len(after['text'])} characters | | {text} |",
        f"| float64 error of the stored file | | {story.verification['max_relative_error']:.1e} |",
        "",
        "Both began, greedily, with:",
        "",
        "```text",
        after["text"].rstrip("\n"),
        "```",
        "",
        f"Trained on, all with the same batches, what has learnt before at a quarter of the rate (the small model had "
        f"{curves['the small model'].steps[-1]:,} steps before):",
        "",
        f"| validation loss | {head} | time |",
        "|---|" + "---|" * (len(marks) + 1),
        *rows,
        "",
        _lead(story),
        "",
    ]


def page(stories: list[Story], out: Path, figure: Path | None) -> str:
    """The page in Markdown, with the picture beside it."""
    lines = [
        "# Character models, grown and trained on",
        "",
        "Models of `transformers` learn Tiny Shakespeare, the command line grows their folders, and fresh processes",
        "load both with `from_pretrained`.",
        "",
    ]
    if figure is not None:
        lines += [f"![Validation losses]({Path(os.path.relpath(figure, out.parent)).as_posix()})", ""]
    for story in stories:
        lines += _section(story)
    lines += [
        f"Made by `python examples/characters/run.py --out {out.as_posix()}"
        + (f" --figure {figure.as_posix()}" if figure else "")
        + f"` (torch {torch.__version__}, transformers {transformers.__version__}, {platform.machine()}, "
        f"{torch.get_num_threads()} threads; times beside other work).",
    ]
    return "\n".join(lines) + "\n"
