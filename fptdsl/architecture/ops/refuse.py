"""``refuse``: a network that the spec does not describe, said by the spec itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from ..arguments import Args
from ..graph import Value
from .base import Lowering, Operation, OpFault
from .fields import fault

REFUSED = "`refuse`: "
"""How the message of such a fault begins."""


class RefuseArgs(Args):
    """``reason``: what is not described, or what the class that loads the weights would not take."""

    reason: Annotated[str, Field(strict=True)]

    @model_validator(mode="after")
    def _always(self) -> RefuseArgs:
        raise fault(self.reason)


class Refuse(Operation):
    """Stands in an ``if`` on parameters: where it is read, the spec is refused with the reason."""

    name = "refuse"
    Args = RefuseArgs

    @classmethod
    def lower(cls, at: Lowering, args: RefuseArgs, inputs: Sequence[Value]) -> Value:
        raise OpFault("F218", f"`{cls.name}`: {args.reason}")
