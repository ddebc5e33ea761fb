"""The base of the validated arguments of operations."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_SIZE = 2**31

Size = Annotated[int, Field(strict=True, ge=1, le=MAX_SIZE)]
"""A number of units, from 1 to 2**31."""


class Args(BaseModel):
    """Arguments of an operation under torch's names, in torch's order, without the input size."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)
