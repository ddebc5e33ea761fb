"""Writing a checkpoint in the container and layout of the one that it grew from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .checkpoint import Checkpoint
from .layout import NewTensor, Slot, lay_out


def write_checkpoint(
    target: str | Path,
    source: Checkpoint,
    tensors: Sequence[NewTensor],
    finished: Callable[[Path], None] = lambda path: None,
) -> None:
    """Write ``tensors`` to the file ``target``, all else as in ``source``; for a folder, its weights and index.

    ``tensors`` are those that the grown spec describes, in the order of its ``state_dict``; described
    tensors of ``source`` that no new one continues are left out.  The container is that of ``source``,
    whatever the name of ``target``.  The file is neither synced nor renamed: see ``transaction``.  ``finished``
    is called with the path of every weights file that is no copy of an old one, when it is complete.

    Raises ``OSError`` when the file cannot be written, ``FptError`` F428 when a new key is taken already,
    F405 or F410 when the source cannot be read to its end.
    """
    from .folder import FolderCheckpoint

    if isinstance(source, FolderCheckpoint):
        from .folder_writing import write_folder

        write_folder(Path(target), source, tensors, finished)
    else:
        write_slots(target, source, lay_out(source, tensors))
        finished(Path(target))


def write_slots(target: str | Path, source: Checkpoint, slots: Sequence[Slot]) -> None:
    """Write the entries ``slots`` in the container of ``source``, which is one file."""
    with open(target, "wb") as file:
        if source.container == "safetensors":
            from .safetensors_writing import write_safetensors

            write_safetensors(file, source, slots)
        elif source.container == "zip":
            from .torch_writing import write_zip

            write_zip(file, source, slots)
        else:
            from .torch_writing import write_legacy

            write_legacy(file, source, slots)
