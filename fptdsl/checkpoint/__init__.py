"""Checkpoint files: named tensors read in pieces, the same container written again, published as one.

torch is imported only when a file that torch wrote is opened or written.
"""

from .checkpoint import Checkpoint, digest_file
from .fitting import hold_against
from .layout import NewTensor, dtype_for
from .opening import open_checkpoint
from .targets import check_outputs
from .transaction import Publication, write_text
from .writing import write_checkpoint

__all__ = [
    "Checkpoint",
    "NewTensor",
    "Publication",
    "check_outputs",
    "digest_file",
    "dtype_for",
    "hold_against",
    "open_checkpoint",
    "write_checkpoint",
    "write_text",
]
