"""Types of arguments: numbers, flags and numbers per spatial axis, with messages for users.

``bool`` is never a number.  A size per axis is one number or a list with one number per axis; it is
kept as given and spread with :func:`per_axis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar, Union

from pydantic import Field
from pydantic_core import PydanticCustomError

from ..arguments import MAX_SIZE, Size

__all__ = ["Epsilon", "Flag", "Natural", "Number", "PerAxis", "Probability", "Size", "fault", "per_axis", "whole"]

T = TypeVar("T")

Natural = Annotated[int, Field(strict=True, ge=0, le=MAX_SIZE)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Probability = Annotated[float, Field(strict=True, ge=0, le=1)]
Epsilon = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]

PerAxis = Union[int, tuple[int, ...]]
"""One number for all spatial axes, or one for each."""

_COUNTS = {1: "one", 2: "two", 3: "three"}


def fault(message: str) -> PydanticCustomError:
    """The error that a validator raises; ``message`` reaches the user as it is."""
    return PydanticCustomError("argument", "{text}", {"text": message})


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_SIZE


def whole(value: object, axes: int, least: int) -> PerAxis:
    """Check a whole number of at least ``least``, or a list of ``axes`` of them."""
    if isinstance(value, (list, tuple)) and len(value) == axes and all(_is_whole(item, least) for item in value):
        return tuple(value)
    if isinstance(value, int) and _is_whole(value, least):
        return value
    raise fault(f"should be a whole number from {least} or a list of {_COUNTS[axes]} of them, not {spelled(value)}")


def spelled(value: object) -> str:
    """A value as it is written in a spec."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(spelled, value)) + "]"
    return str(value)


def per_axis(value: T | Sequence[T], axes: int) -> tuple[T, ...]:
    """One value per spatial axis: ``3`` and ``[3, 3]`` are both ``(3, 3)``."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * axes  # type: ignore[return-value]
