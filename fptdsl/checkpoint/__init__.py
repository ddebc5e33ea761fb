"""Checkpoint files: named tensors read in pieces, the same container written again, published as one.

torch is imported only when a file that torch wrote is opened or written.
"""

from .checkpoint import Checkpoint, digest_file
from .opening import open_checkpoint

__all__ = ["Checkpoint", "digest_file", "open_checkpoint"]
