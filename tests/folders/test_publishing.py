"""A folder appears whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fptdsl.checkpoint import FolderPublication
from fptdsl.diagnostics import FptError

from . import family

NAMES = ("model.safetensors", "config.json", "sub/notes.txt")


def publish(folder: Path, word: str, *, force: bool = False, inputs: tuple[Path, ...] = ()) -> None:
    out = folder / "grown"
    with FolderPublication([out, out / "growth.fpt"], force=force, inputs=inputs) as publication:
        new = publication.partial(out)
        assert publication.partial(out / "growth.fpt") == new / "growth.fpt"
        (new / "sub").mkdir()
        for name in NAMES:
            (new / name).write_text(word)
        publication.commit()


def content(folder: Path) -> set[str]:
    """The words in the published folder, which must be complete."""
    out = folder / "grown"
    if not out.exists():
        return set()
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == sorted(NAMES)
    return {(out / name).read_text() for name in NAMES}


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def code_of(action: object) -> str:
    with pytest.raises(FptError) as caught:
        action()  # type: ignore[operator]
    return caught.value.diagnostics[0].code


def test_a_folder_appears_and_is_replaced(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    assert content(tmp_path) == {"old"}
    assert code_of(lambda: publish(tmp_path, "new")) == "F600"
    publish(tmp_path, "new", force=True)
    assert content(tmp_path) == {"new"}
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("force", [False, True])
def test_an_exception_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException], force: bool) -> None:
    if force:
        publish(tmp_path, "old")

    def interrupted() -> None:
        with FolderPublication([tmp_path / "grown"], force=force) as publication:
            (publication.partial(tmp_path / "grown") / "half").write_text("x")
            raise error

    with pytest.raises(error):
        interrupted()
    assert content(tmp_path) == ({"old"} if force else set())
    assert hidden(tmp_path) == []


def test_a_full_disk(tmp_path: Path) -> None:
    def full() -> None:
        with FolderPublication([tmp_path / "grown"]):
            raise OSError(errno.ENOSPC, "No space left on device")

    assert code_of(full) == "F605"
    assert hidden(tmp_path) == []


def test_two_runs_to_one_name(tmp_path: Path) -> None:
    with FolderPublication([tmp_path / "grown"]):
        assert code_of(lambda: publish(tmp_path, "new")) == "F607"
    publish(tmp_path, "new")
    assert content(tmp_path) == {"new"}


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    def late() -> None:
        with FolderPublication([tmp_path / "grown"]) as publication:
            (tmp_path / "grown").mkdir()
            (tmp_path / "grown" / "mine").write_text("x")
            publication.commit()

    assert code_of(late) == "F600"
    assert (tmp_path / "grown" / "mine").exists()
    assert hidden(tmp_path) == []


def test_left_overs_of_an_older_run_are_cleared(tmp_path: Path) -> None:
    for end in ("partial", "trash"):
        (tmp_path / f".grown.{end}").mkdir()
        (tmp_path / f".grown.{end}" / "x").write_text("x")
    (tmp_path / ".grown.lock").write_text("")
    publish(tmp_path, "new")
    assert content(tmp_path) == {"new"}
    assert hidden(tmp_path) == []


def test_a_link_among_the_left_overs_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_text("x")
    os.symlink("precious", tmp_path / ".grown.partial")
    os.symlink("precious", tmp_path / ".grown.trash")
    publish(tmp_path, "new")
    assert (tmp_path / "precious" / "x").exists()
    assert hidden(tmp_path) == []


CALLS = ("rename", "unlink", "rmdir", "fsync", "open", "mkdir")


def stopped(folder: Path, number: int, *, force: bool) -> bool:
    """A run in a child that dies at its system call of that number; whether it got that far."""
    child = os.fork()
    if child == 0:
        calls = [0]
        for name in CALLS:
            real = getattr(os, name)

            def call(*args: object, _real: object = real, **kwargs: object) -> object:
                calls[0] += 1
                if calls[0] == number:
                    os._exit(9)
                return _real(*args, **kwargs)  # type: ignore[operator]

            setattr(os, name, call)
        status = 1
        try:
            publish(folder, "new", force=force)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("force", [False, True])
def test_killed_at_every_system_call(tmp_path: Path, force: bool) -> None:
    number = 1
    if force:
        publish(tmp_path, "old")
    while stopped(tmp_path, number, force=force):
        assert content(tmp_path) in ({"new"}, {"old"}, set()), number
        publish(tmp_path, "after", force=True)
        assert content(tmp_path) == {"after"}
        assert hidden(tmp_path) == []
        shutil.rmtree(tmp_path / "grown")
        if force:
            publish(tmp_path, "old")
        number += 1
    assert number > 12
    assert content(tmp_path) == {"new"}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_was_replaced_comes_back_after_a_kill(tmp_path: Path) -> None:
    """A run that is refused still puts back what a killed one had moved aside."""
    number, seen = 1, 0
    publish(tmp_path, "old")
    while stopped(tmp_path, number, force=True):
        aside = not (tmp_path / "grown").exists()
        seen += aside
        assert code_of(lambda: publish(tmp_path, "again")) == "F600"
        assert content(tmp_path) in ({"old"}, {"new"})
        assert not aside or content(tmp_path) == {"old"}
        publish(tmp_path, "old", force=True)
        number += 1
    assert seen


REPEATED = """
import sys
from fptdsl.cli import main
import torch, fptdsl.proof
print("ready", flush=True)
sys.exit(main(["apply", "tiny.fpt", "model", "-o", "out", "--force", "--grow", "widen embed to 12"]))
"""


def test_apply_is_killed_at_any_moment(place: Path) -> None:
    family.write(place / "model", "safetensors shards")
    before = family.digests(place / "model")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    moments = random.Random(5)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", REPEATED], env=environment, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.8))
            running.kill()
        if (place / "out").exists():
            assert family.config_of(place / "out")["hidden_size"] == 12
            assert (place / "out" / "growth.receipt.json").exists()
            family.function(place / "out", family.inputs())
    assert family.digests(place / "model") == before
    done = subprocess.run([sys.executable, "-c", REPEATED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert hidden(place) == []
