"""``filters``: a picture of the filters of a convolution, and what each of them was before a growth."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..diagnostics import Diagnostic, FptError, did_you_mean
from .filter_origins import Origin, origins
from .results import FiltersResult

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

Floats = NDArray[np.float64]
FORMATS = (".png", ".svg", ".pdf")
MOST = 1024
"""Filters that are drawn; of a larger kernel the first ones."""


def filters(
    checkpoint: str | Path,
    key: str,
    *,
    out: str | Path,
    old: str | Path | None = None,
    old_key: str | None = None,
    force: bool = False,
) -> FiltersResult:
    """Draw the kernel ``key``, ``[filters, channels, height, width]``, as a grid of its filters.

    Three channels are drawn as colours, any other number as their mean; each filter is scaled to its own range.
    ``old`` is the checkpoint before a growth: filters are framed by what they were in it (under ``old_key`` where
    the name has changed).  Needs matplotlib; names are found without a spec, by dropping prefixes of wrappers.

    Raises:
        FptError: a checkpoint cannot be read (F4xx), the output must not be written (F6xx), matplotlib is not
            there (F610), ``out`` is not a picture's name (F611), the key is not there (F612), is no kernel of a
            convolution (F613), or the two kernels cannot be compared (F614).
    """
    from ..checkpoint import Publication, check_outputs

    target, inputs = Path(out), [Path(checkpoint), *([] if old is None else [Path(old)])]
    _check_format(target)
    check_outputs([target], inputs=inputs, force=force)
    if find_spec("matplotlib") is None:
        hint = "install it: pip install 'fptdsl[plots]'"
        raise FptError(Diagnostic("F610", "drawing filters needs matplotlib, which is not installed", hint=hint))
    kernel, dtype = _kernel(checkpoint, key)
    found = None if old is None else _origins(kernel, old, key, old_key or key)
    from ..views.filter_picture import Panel, picture

    how = None if found is None else [origin.how for origin in found[:MOST]]
    panel = Panel(f"{key}  {'×'.join(map(str, kernel.shape))}", _images(kernel[:MOST]), how)
    drawn = io.BytesIO()
    picture([panel], drawn, target.suffix.lower()[1:])
    with Publication([target], inputs=inputs, force=force) as publication:
        publication.partial(target).write_bytes(drawn.getvalue())
        publication.commit()
    return FiltersResult(
        {
            "schema": 1,
            "kind": "filters",
            "checkpoint": str(checkpoint),
            "key": key,
            "shape": list(kernel.shape),
            "dtype": dtype,
            "colours": "rgb" if kernel.shape[1] == 3 else "mean",
            "drawn": min(len(kernel), MOST),
            "filters": None if found is None else [origin._asdict() for origin in found],
            "output": str(target),
        }
    )


def _check_format(target: Path) -> None:
    if target.suffix.lower() not in FORMATS:
        message = f"`{target.name}` does not have the extension of a picture"
        hint = f"name it {target.stem or 'filters'}.png (.svg and .pdf work too)"
        raise FptError(Diagnostic("F611", message, hint=hint, path=str(target)))


def _kernel(path: str | Path, key: str) -> tuple[Floats, str]:
    """The values of a convolution's kernel, and torch's name of their type in the file."""
    from ..checkpoint import open_checkpoint
    from ..growth.grid import widen_raw

    with open_checkpoint(path) as source:
        if key not in source:
            message = f"`{path}` has no tensor `{key}`"
            raise FptError(Diagnostic("F612", message, hint=_nearest(source, key), path=str(path)))
        shape, dtype = source.shape(key), source.known_dtypes.get(key)
        if len(shape) not in (3, 4) or 0 in shape or dtype not in ("float64", "float32", "float16", "bfloat16"):
            size = f"{source.dtype(key)}[{', '.join(map(str, shape))}]"
            message = f"`{key}` is {size}, not the kernel of a one- or two-dimensional convolution"
            raise FptError(Diagnostic("F613", message, hint=_kernels(source), path=str(path)))
        return widen_raw(source.rows(key, 0, shape[0]), dtype), dtype


def _nearest(source: Checkpoint, key: str) -> str:
    """The name that was meant, with or without the prefix of a wrapper or ``.weight``."""
    for name in source:
        if key in (source.names[name].raw, name.removesuffix(".weight")):
            return f"its key is `{name}`"
    return did_you_mean(key, list(source)) or _kernels(source)


def _kernels(source: Checkpoint, limit: int = 4) -> str:
    names = [name for name in source if len(source.shape(name)) in (3, 4)]
    if not names:
        return "this checkpoint holds no tensor that could be such a kernel"
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"kernels in it: {', '.join(f'`{name}`' for name in names[:limit])}{more}"


def _origins(kernel: Floats, old: str | Path, key: str, old_key: str) -> list[Origin]:
    before, _ = _kernel(old, old_key)
    if before.shape[1:] != kernel.shape[1:]:
        one, other = ("×".join(map(str, shape[1:])) for shape in (before.shape, kernel.shape))
        message = f"a filter of `{key}` was {one} and is {other}, so none is an old one unchanged"
        hint = "draw it without --old, or choose a layer whose inputs did not grow"
        raise FptError(Diagnostic("F614", message, hint=hint, path=str(old)))
    return origins(kernel, before)


def _images(kernel: Floats) -> Floats:
    """``[filters, channels, height, width]``; a one-dimensional kernel has the height 1."""
    return kernel[:, :, None, :] if kernel.ndim == 3 else kernel
