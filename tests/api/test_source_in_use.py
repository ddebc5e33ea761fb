"""A checkpoint that is written, or cannot be read, while it grows."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from two_layers import save, state_of, written_spec

import fptdsl
import fptdsl.api.growing
from fptdsl.diagnostics import FptError

FORMS = ["two.safetensors", "two.pt", "folder/model.safetensors"]


def made(tmp_path: Path, form: str) -> tuple[Path, Path, Path]:
    """Spec, weights file and checkpoint."""
    spec, file = written_spec(tmp_path), tmp_path / form
    file.parent.mkdir(exist_ok=True)
    save(state_of(spec), file)
    return spec, file, file if file.parent == tmp_path else file.parent


def fault_of(spec: Path, checkpoint: Path, out: Path) -> str:
    with pytest.raises(FptError) as caught:
        fptdsl.apply(spec, checkpoint, grow="widen first to 8", out=out)
    (found,) = caught.value.diagnostics
    assert not out.exists()
    assert not [path for path in out.parent.iterdir() if path.name.startswith(".")]
    return f"{found.code} {found.message}"


@pytest.mark.parametrize("form", FORMS)
def test_written_after_it_was_hashed(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt would state the digest of what is no more."""
    spec, file, checkpoint = made(tmp_path, form)
    write = fptdsl.api.growing._write

    def meanwhile(growth: Any, target: Path) -> None:
        growth.old_digest.result()
        with open(file, "r+b") as stream:
            stream.seek(-3, os.SEEK_END)
            last = stream.read(1)[0]
            stream.seek(-3, os.SEEK_END)
            stream.write(bytes([last ^ 1]))
        write(growth, target)

    monkeypatch.setattr(fptdsl.api.growing, "_write", meanwhile)
    fault = fault_of(spec, checkpoint, tmp_path / f"grown{checkpoint.suffix}")
    assert fault == f"F405 `{file}` was written while it was read"


@pytest.mark.parametrize("delay", [0.0, 0.5])
@pytest.mark.parametrize("form", FORMS)
def test_a_disk_that_fails_under_another_thread(
    form: str, delay: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the checkpoint that cannot be read, not the output that cannot be written."""
    spec, file, checkpoint = made(tmp_path, form)
    read, source = os.preadv, Path(file).stat()

    def failing(descriptor: int, buffers: Any, offset: int) -> int:
        if os.path.samestat(os.fstat(descriptor), source) and threading.current_thread() is not threading.main_thread():
            time.sleep(delay)
            raise OSError(5, "Input/output error")
        return read(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", failing)
    fault = fault_of(spec, checkpoint, tmp_path / f"grown{checkpoint.suffix}")
    assert fault == f"F402 `{file}` cannot be read: Input/output error"
