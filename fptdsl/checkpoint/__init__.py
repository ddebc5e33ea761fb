"""Checkpoint files: named tensors read in pieces, the same container written again, published as one.

torch is imported only when a file that torch wrote is opened or written.
"""

from .checkpoint import Checkpoint
from .fitting import check_values, hold_against
from .folder import FolderCheckpoint
from .folder_transaction import FolderPublication, sync_tree
from .in_force import rules_in_force
from .layout import NewTensor, dtype_for
from .opening import open_checkpoint
from .targets import check_outputs
from .transaction import Publication, write_text
from .writing import write_checkpoint

__all__ = [
    "Checkpoint",
    "FolderCheckpoint",
    "FolderPublication",
    "NewTensor",
    "Publication",
    "check_outputs",
    "check_values",
    "dtype_for",
    "hold_against",
    "open_checkpoint",
    "rules_in_force",
    "sync_tree",
    "write_checkpoint",
    "write_text",
]
