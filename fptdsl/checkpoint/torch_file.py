"""Loading what ``torch.save`` wrote, zip or the older container, with ``weights_only=True`` and nothing else.

A pickle that would run code is refused by torch before anything of it runs; there is no switch for it.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from ..diagnostics import Diagnostic, FptError
from .dtypes import RAW
from .open_files import raise_limit
from .storage import Entry, MemoryStorage, Storage
from .torch_zip import Mapping, ZipArchive, mapping, read_archive


@dataclass(eq=False)
class TorchFile:
    """A loaded object and the storages of its tensors."""

    root: Any
    storages: dict[int, Storage] = field(repr=False)
    """By ``_cdata`` of torch's untyped storage."""
    archive: ZipArchive | None
    """The zip directory; None for the older container."""
    mapping: Mapping | None = field(default=None, repr=False)
    """Where the file lies in memory, as far as that is known."""

    def storage(self, storage: Any) -> Storage:
        """The bytes of a torch storage of the loaded object, also one that no plain tensor has (sparse, bare ...)."""
        known = self.storages.get(storage._cdata)
        if known is None and self.mapping is not None:
            known = self.mapping.storage(storage)
        return MemoryStorage(_bytes(storage)) if known is None else known

    def entry(self, key: str, tensor: Any) -> Entry:
        """The tensor as an :class:`Entry`."""
        dtype = str(tensor.dtype).removeprefix("torch.")
        problem = _problem(tensor)
        if problem is not None:
            empty = MemoryStorage(np.empty(0, np.uint8))
            shape = () if tensor.is_nested else tuple(tensor.shape)  # of ragged ones torch has none
            return Entry(key, dtype, shape, empty, problem=problem)
        storage = self.storages[tensor.untyped_storage()._cdata]
        return Entry(key, dtype, tuple(tensor.shape), storage, tensor.storage_offset(), tuple(tensor.stride()))


def _problem(tensor: Any) -> str | None:
    """Why a tensor's bytes are not simply its values, or None."""
    if tensor.is_nested or str(tensor.layout) != "torch.strided":
        return f"it has the layout {str(tensor.layout).removeprefix('torch.')}"
    if tensor.is_quantized:
        return "it is quantised"
    if tensor.device.type == "meta":
        return "it was saved from the meta device and holds no values"
    if tensor.is_conj() or tensor.is_neg():
        return "it is a lazily negated or conjugated view"
    if str(tensor.dtype).removeprefix("torch.") not in RAW:
        return f"its type {tensor.dtype} is not known here"
    return None


def load_torch(path: str, descriptor: int, *, zipped: bool) -> TorchFile:
    """Load a file of either container (``FptError`` F404 to F410 for what cannot be read)."""
    archive = read_archive(path, descriptor) if zipped else None
    # Mapping needs the path, and torch takes a path that ends so for the other container.
    mapped = archive is not None and archive.little_endian and not path.endswith(".safetensors")
    root = _load(path, descriptor, mmap=mapped)
    storages = list({storage._cdata: storage for storage in _storages(root)}.values())
    found = TorchFile(root, {}, archive, mapping(path, descriptor, archive, storages) if mapped and archive else None)
    found.storages = {storage._cdata: found.storage(storage) for storage in storages}
    return found


def _load(path: str, descriptor: int, *, mmap: bool) -> Any:
    import torch

    try:
        with warnings.catch_warnings(), open(descriptor, "rb", closefd=False) as file:
            warnings.simplefilter("ignore")
            file.seek(0)
            return torch.load(path if mmap else file, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        _refuse(path, str(error))
    except Exception as error:  # a hostile file can make the loader fail in any way; none is ours
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        message = f"`{path}` cannot be loaded: {reason}"
        if (hint := raise_limit(error)) is not None:
            raise FptError(Diagnostic("F402", message, hint=hint, path=path)) from error
        raise FptError(Diagnostic("F405", message, hint="copy or download it again", path=path)) from error


def _refuse(path: str, reason: str) -> NoReturn:
    found = re.search(r"(?:GLOBAL|class|type) [`']?([\w.]+\.[\w.]+)", reason)
    if found is None and "tar" in reason:
        message = f"`{path}` is in torch's oldest container (tar), which cannot be read safely"
        raise FptError(Diagnostic("F404", message, hint="load and save it again with torch.save", path=path))
    if found is None:
        told = reason.partition("WeightsUnpickler error:")[2] or reason
        detail = told.strip().split("\n")[0][:200] or "its object structure breaks off"
        message = f"`{path}` is not a checkpoint that can be read: {detail}"
        raise FptError(Diagnostic("F405", message, hint="copy it again, or save the state dict anew", path=path))
    message = f"`{path}` holds more than weights: loading it would call `{found.group(1)}`; nothing of it was run"
    hint = "where it comes from, save `model.state_dict()` (tensors, numbers and texts only) and give that file"
    raise FptError(Diagnostic("F406", message, hint=hint, path=path))


def tensors_in(root: Any) -> Iterator[Any]:
    """Every tensor in nested dictionaries, lists and tuples (each container visited once)."""
    import torch

    seen: set[int] = set()
    stack = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, (dict, list, tuple, set, frozenset)) and id(item) not in seen:
            seen.add(id(item))
            stack.extend(item.values() if isinstance(item, dict) else item)


def _storages(root: Any) -> Iterator[Any]:
    for tensor in tensors_in(root):
        if _problem(tensor) is None:
            yield tensor.untyped_storage()


def _bytes(storage: Any) -> Any:
    """A torch storage as a numpy array of bytes, without a copy."""
    import torch

    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
