"""Methods of widening: each fills the table of one Space and says where it is legal.

One file per method.  :data:`WIDENING` is in the order of the automatic choice
(``docs/language.md``, "using").
"""

from .base import Illegal, Method
from .net2net import Net2Net
from .netmorph import NetMorph
from .r2r import R2R
from .random_init import RandomInit
from .random_pad import RandomPad
from .rescale import Rescale

WIDENING: dict[str, Method] = {m.name: m for m in (NetMorph(), R2R(), Net2Net(), Rescale(), RandomPad(), RandomInit())}
AUTOMATIC: tuple[str, ...] = ("netmorph", "r2r", "net2net", "rescale")
"""The order in which methods are tried when none is asked for, each with the options of its ``tried``."""

__all__ = ["AUTOMATIC", "WIDENING", "Illegal", "Method"]
