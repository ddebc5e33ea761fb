"""Numbers and shapes in words."""

from __future__ import annotations

from collections.abc import Sequence


def shape(sizes: Sequence[int | str] | None) -> str:
    """``32×32×3×3``; ``scalar`` for no axes; nothing for None."""
    if sizes is None:
        return ""
    return "×".join(map(str, sizes)) if sizes else "scalar"


def count(number: int) -> str:
    """``1,234,567``"""
    return f"{number:,}"


def change(before: int, after: int) -> str:
    """``+12,345``, ``-3`` or nothing."""
    return f"{after - before:+,}" if after != before else ""


def ratio(before: int, after: int) -> str:
    """``×3.68``; nothing where it would say nothing."""
    return f"×{after / before:.2f}" if before and after != before else ""


def size(number: float) -> str:
    """Bytes in units of 1000: ``1.1 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def work(number: float) -> str:
    """Multiply-accumulates: ``40.8 M``."""
    for unit in ("", " k", " M", " G"):
        if number < 1000:
            return f"{number:.0f}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f} T"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 tensor``, ``2 tensors``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def figure(value: float | str | None) -> str:
    """An error: ``3.1e-16``, ``0``, ``inf`` (a word in JSON) or ``not measured``."""
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return value
    return "0" if value == 0 else f"{value:.1e}"


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
