"""Making checkpoints with torch and safetensors themselves, and comparing what comes back."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fptdsl.checkpoint import Checkpoint, NewTensor
from fptdsl.diagnostics import Diagnostic, FptError
from fptdsl.language import syntax

CONTAINERS = ("zip", "legacy", "safetensors")


def rules(*entries: tuple[str, ...]) -> syntax.Checkpoint:
    """A ``checkpoint`` section: ``rules(("strip", "module."), ("alias", "a", "b"))``."""
    return syntax.Checkpoint(tuple(syntax.CheckpointEntry(*entry) for entry in entries))


def save(item: Any, path: Path, container: str) -> Path:
    """Write with the reference implementation of the container."""
    if container == "safetensors":
        save_file(item, path)
    else:
        torch.save(item, path, _use_new_zipfile_serialization=container == "zip")
    return path


def load(path: Path, container: str) -> Any:
    """Read with the reference implementation."""
    if container == "safetensors":
        return load_file(path)
    item = torch.load(path, map_location="cpu", weights_only=True)
    if container == "zip":
        assert zipfile.ZipFile(path).testzip() is None
        same(item, torch.load(path, map_location="cpu", weights_only=True, mmap=True))
    return item


def same(left: Any, right: Any, *, ordered: bool = True) -> None:
    """Both are the same structure, with the same types, order, bits, strides and wrappers."""
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert list(left) == list(right) if ordered else set(left) == set(right)
        assert getattr(left, "_metadata", None) == getattr(right, "_metadata", None)
        for key in left:
            same(left[key], right[key])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            same(a, b)
    elif isinstance(left, torch.Tensor):
        assert (left.dtype, left.shape, left.stride()) == (right.dtype, right.shape, right.stride())
        assert left.requires_grad == right.requires_grad
        assert bits(left) == bits(right)
    else:
        assert left == right


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def kept(source: Checkpoint) -> list[NewTensor]:
    """Every tensor unchanged."""
    return [NewTensor(name, name, source.shape(name), source.dtype(name)) for name in source]


def grown(name: str, source: str | None, values: torch.Tensor) -> NewTensor:
    """A new tensor with these values, in chunks of two rows."""
    raw = values.detach().contiguous()
    if raw.dtype == torch.bfloat16:
        raw = raw.view(torch.int16)
    array = raw.numpy().view(np.uint16) if values.dtype == torch.bfloat16 else raw.numpy()

    def chunks() -> Iterator[np.ndarray[Any, Any]]:
        if array.ndim == 0:
            yield array
            return
        for start in range(0, array.shape[0], 2):
            yield array[start : start + 2]

    return NewTensor(name, source, tuple(values.shape), str(values.dtype).removeprefix("torch."), chunks)


def faults(action: Callable[[], object]) -> tuple[Diagnostic, ...]:
    """The diagnostics that an action raises; each has a way out or a plain statement."""
    with pytest.raises(FptError) as caught:
        action()
    assert caught.value.exit_status == 1
    return caught.value.diagnostics


def fault(action: Callable[[], object], code: str) -> Diagnostic:
    """The only diagnostic that an action raises, which has this code."""
    found = faults(action)
    assert [item.code for item in found] == [code], found
    return found[0]
