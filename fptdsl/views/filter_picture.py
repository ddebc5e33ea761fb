"""Filters of convolutions as a picture, like figure 3 of the R2R paper (arXiv 2410.11038).

Needs matplotlib, the optional extra ``plots``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FRAMES = {"copy": "#d95f02", "pair": "#7570b3", "zero": "#e7298a", "fresh": "#1b9e77"}
"""Colours of the frames (Dark2 of ColorBrewer, which colour-blind readers can tell apart); old filters have none."""
CELL = 0.42
"""Inches from one filter to the next."""
GAP = 0.22
"""Of a cell, between two filters."""
RESOLUTION = 110
"""Dots per inch."""


class Panel(NamedTuple):
    """A kernel ``[filters, channels, height, width]``; ``how`` says of each filter what it was before a growth."""

    title: str
    kernel: Floats
    how: Sequence[str] | None = None


def images(kernel: Floats) -> Floats:
    """Each filter as an image of values from 0 to 1, ``[filters, height, width, 3]``.

    Three channels are red, green and blue; of any other number the mean is drawn in grey.  Each filter is scaled
    from its smallest value to its largest; one that is constant is mid-grey, and values that are not finite black.
    """
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        values = kernel if kernel.shape[1] == 3 else kernel.mean(1, keepdims=True).repeat(3, 1)
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).min((1, 2, 3), keepdims=True)
    high = np.where(finite, values, -np.inf).max((1, 2, 3), keepdims=True)
    flat = ~(high > low)
    scaled = (np.where(finite, values, low) - np.where(flat, 0.0, low)) / np.where(flat, 1.0, high - low)
    result: Floats = np.where(finite, np.where(flat, 0.5, scaled), 0.0).transpose(0, 2, 3, 1)
    return result


def picture(panels: Sequence[Panel], file: IO[bytes], form: str = "png", *, columns: int | None = None) -> None:
    """Draw panels below each other; ``columns`` filters side by side (by default about twice as many as rows).

    The same panels make the same bytes with the same versions of matplotlib and numpy.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = columns or min(max(ceil((2 * len(p.kernel)) ** 0.5) for p in panels), 64)
    rows = [ceil(len(panel.kernel) / across) for panel in panels]
    heights = [count * CELL + 0.34 for count in rows]
    marked = sorted({how for p in panels for how in p.how or () if how in FRAMES}, key=list(FRAMES).index)
    foot = 0.3 if marked else 0.06
    size = (max(across * CELL, 4.2) + 0.2, sum(heights) + foot)
    with rc_context({"svg.hashsalt": "fptdsl", "font.size": 8, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=size, dpi=RESOLUTION, facecolor="white")
        FigureCanvasAgg(figure)  # draws into memory, on machines without a display too
        top = size[1]
        for panel, count, height in zip(panels, rows, heights):
            top -= height
            box = (0.1 / size[0], top / size[1], across * CELL / size[0], count * CELL / size[1])
            _panel(figure.add_axes(box), panel, across, count)
        if marked:
            _legend(figure, marked)
        dates: dict[str, dict[str, Any]] = {
            "png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}
        }  # fmt: skip
        figure.savefig(file, format=form, metadata=dates[form])


def _panel(axes: Any, panel: Panel, across: int, rows: int) -> None:
    from matplotlib.patches import Rectangle

    axes.set(xlim=(0, across), ylim=(rows, 0))
    axes.axis("off")
    axes.set_title(panel.title, loc="left", fontsize=8, pad=3)
    for number, image in enumerate(images(panel.kernel)):
        left, top = number % across + GAP / 2, number // across + GAP / 2
        side = 1 - GAP
        tall = side * min(1.0, image.shape[0] / image.shape[1])
        wide = side * min(1.0, image.shape[1] / image.shape[0])
        extent = (left, left + wide, top + tall, top)
        axes.imshow(image, extent=extent, interpolation="nearest", aspect="auto")
        how = panel.how[number] if panel.how is not None else "old"
        if how in FRAMES:
            frame = Rectangle((left, top), wide, tall, fill=False, edgecolor=FRAMES[how], linewidth=2.2, clip_on=False)
            axes.add_patch(frame)
    axes.set(xlim=(0, across), ylim=(rows, 0))


def _legend(figure: Any, marked: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    words = {"copy": "copy of an old filter", "pair": "one of a new pair", "zero": "zero", "fresh": "fresh"}
    handles = [Patch(facecolor="none", edgecolor=FRAMES[how], linewidth=2.2, label=words[how]) for how in marked]
    figure.legend(
        handles=handles, loc="lower left", ncols=len(handles), frameon=False, fontsize=7, handlelength=1.1,
        handleheight=1.1, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip
