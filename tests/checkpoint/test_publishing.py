"""Publishing: all or nothing, whatever happens, and never over an input."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fptdsl.checkpoint import Publication, left_overs, transaction, write_text
from fptdsl.diagnostics import FptError

from .helpers import fault, faults

NAMES = ("grown.pt", "grown.fpt", "grown.receipt.json")


def outputs(folder: Path) -> list[Path]:
    return [folder / name for name in NAMES]


def publish(folder: Path, word: str, *, force: bool = False, inputs: tuple[Path, ...] = ()) -> None:
    with Publication(outputs(folder), force=force, inputs=inputs) as publication:
        for path in publication.outputs:
            publication.partial(path).write_text(f"{word} {path.name}")
        publication.commit()


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text().split()[0] for path in sorted(folder.iterdir())}


def whole(word: str) -> dict[str, str]:
    return dict.fromkeys(sorted(NAMES), word)


def test_all_three_appear(tmp_path: Path) -> None:
    publish(tmp_path, "new")
    assert content(tmp_path) == whole("new")


def test_an_existing_output_is_refused_without_force(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("old")
        found = fault(lambda: publish(tmp_path, "new"), "F600")
        assert "--force" in str(found.hint)
        assert content(tmp_path) == {name: "old"}
        (tmp_path / name).unlink()
    publish(tmp_path, "old")
    assert len(faults(lambda: publish(tmp_path, "new"))) == 3
    publish(tmp_path, "new", force=True)
    assert content(tmp_path) == whole("new")


def test_never_over_an_input(tmp_path: Path) -> None:
    target = tmp_path / "grown.pt"
    source = tmp_path / "source.pt"
    source.write_text("input")
    spec = tmp_path / "grown.fpt"
    spec.write_text("spec")
    fault(lambda: publish(tmp_path, "new", force=True, inputs=(source, spec)), "F601")
    spec.unlink()
    fault(lambda: publish(tmp_path, "new", force=True, inputs=(target,)), "F601")
    fault(lambda: publish(tmp_path, "new", force=True, inputs=(tmp_path / "x" / ".." / "grown.pt",)), "F601")
    fault(lambda: publish(tmp_path, "new", force=True, inputs=(tmp_path / "Grown.PT",)), "F601")
    for link in (os.symlink, os.link):
        link(source, target)
        fault(lambda: publish(tmp_path, "new", force=True, inputs=(source,)), "F601")
        target.unlink()
    os.symlink(tmp_path, tmp_path / "folder")
    fault(lambda: publish(tmp_path / "folder", "new", force=True, inputs=(tmp_path / "grown.pt",)), "F601")
    assert source.read_text() == "input"


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "out.pt").mkdir()
    fault(lambda: write_text(tmp_path / "out.pt", "x", force=True), "F602")
    fault(lambda: write_text("/dev/null", "x", force=True), "F602")
    (tmp_path / "results").mkdir()
    assert "`results`" in str(fault(lambda: write_text(tmp_path / "resluts" / "x.json", "x"), "F603").hint)
    with pytest.raises(FptError) as caught:
        Publication([tmp_path / "x.fpt", tmp_path / "x.fpt"]).__enter__()
    assert [item.code for item in caught.value.diagnostics] == ["F606"]
    fault(lambda: write_text(tmp_path / ("x" * 300), "x"), "F604")
    assert not (tmp_path / "x.fpt").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    fault(lambda: publish(tmp_path, "new"), "F604")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, FptError])
@pytest.mark.parametrize("force", [False, True])
def test_an_exception_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException], force: bool) -> None:
    if force:
        publish(tmp_path, "old")

    def interrupted() -> None:
        with Publication(outputs(tmp_path), force=force) as publication:
            publication.partial(tmp_path / "grown.pt").write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert content(tmp_path) == (whole("old") if force else {})


def test_leaving_without_commit_publishes_nothing(tmp_path: Path) -> None:
    with Publication(outputs(tmp_path)):
        pass
    assert content(tmp_path) == {}


@contextmanager
def failing_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[list[int]]:
    """The call of that number to any function that changes a folder fails as a full disk does."""
    calls = [0]
    with monkeypatch.context() as patch:
        for name in ("link", "replace", "fsync"):
            real = getattr(os, name)

            def call(*args: object, _real: object = real, **kwargs: object) -> object:
                calls[0] += 1
                if calls[0] == number:
                    raise OSError(28, "No space left on device")
                return _real(*args, **kwargs)  # type: ignore[operator]

            patch.setattr(os, name, call)
        yield calls


@pytest.mark.parametrize("force", [False, True])
def test_a_fault_at_every_system_call_of_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    failed: list[str] = []
    for number in range(1, 40):
        if force:
            publish(tmp_path, "old", force=True)
        with failing_at(monkeypatch, number) as calls:
            try:
                publish(tmp_path, "new", force=force)
            except FptError as error:
                failed.append(error.diagnostics[0].code)
        state = content(tmp_path)
        assert state in (whole("new"), whole("old") if force else {}), number
        for path in tmp_path.iterdir():
            path.unlink()
        if calls[0] < number:
            break
    assert len(failed) >= 6
    assert set(failed) == {"F605"}


def test_something_appears_meanwhile(tmp_path: Path) -> None:
    for name in NAMES:

        def intrude(name: str = name) -> None:
            with Publication(outputs(tmp_path)) as publication:
                (tmp_path / name).write_text("theirs")
                publication.commit()

        fault(intrude, "F600")
        assert content(tmp_path) == {name: "theirs"}
        (tmp_path / name).unlink()


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(transaction.os, "link", refuse)
    publish(tmp_path, "old")
    publish(tmp_path, "new", force=True)
    assert content(tmp_path) == whole("new")


def test_two_runs_at_once(tmp_path: Path) -> None:
    with Publication(outputs(tmp_path)) as publication:
        fault(lambda: publish(tmp_path, "other"), "F607")
        for path in publication.outputs:
            publication.partial(path).write_text("new")
        publication.commit()
    assert content(tmp_path) == whole("new")


CHILD = """
import sys, time
from pathlib import Path
from fptdsl.checkpoint import Publication
folder, force = Path(sys.argv[1]), sys.argv[2] == "force"
names = ("grown.pt", "grown.fpt", "grown.receipt.json")
print("ready", flush=True)
for number in range(100000):
    with Publication([folder / name for name in names], force=force) as publication:
        for name in names:
            publication.partial(folder / name).write_text(f"{number} {name}")
        publication.commit()
    if not force:
        for name in names:
            (folder / name).unlink()
"""


@pytest.mark.parametrize("mode", ["force", "fresh"])
def test_killed_at_any_moment(tmp_path: Path, mode: str) -> None:
    """At every kill: no checkpoint, or one with its own spec and receipt; and the next run gets through."""
    chance = random.Random(3)
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), mode],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.05))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        if mode == "force" and (tmp_path / "grown.pt").exists():
            words = {(tmp_path / name).read_text().split()[0] for name in NAMES}
            assert len(words) == 1
        # What the child publishes it also removes, in the other mode; a leftover of that is not ours.
        if mode == "fresh" and (tmp_path / "grown.pt").exists():
            for name in NAMES:
                (tmp_path / name).unlink()
        elif mode == "fresh" and not any(path.name.endswith("0.partial") for path in tmp_path.iterdir()):
            for name in NAMES:
                (tmp_path / name).unlink(missing_ok=True)
        publish(tmp_path, "after", force=mode == "force")
        assert content(tmp_path) == whole("after")
        if mode == "fresh":
            for name in NAMES:
                (tmp_path / name).unlink()


def stopped(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int, *, force: bool) -> bool:
    """A run in a child that dies at its system call of that number; whether it got that far."""
    child = os.fork()
    if child == 0:
        calls = [0]
        for name in ("link", "replace", "unlink", "fsync", "open"):
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
def test_killed_at_every_system_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    number = 1
    if force:
        publish(tmp_path, "old")
    while stopped(monkeypatch, tmp_path, number, force=force):
        if (tmp_path / "grown.pt").exists():
            words = {(tmp_path / name).read_text().split()[0] for name in NAMES}
            assert words in ({"new"}, {"old"}), number
        left_overs.settle(left_overs.staged(outputs(tmp_path)))
        settled = content_visible(tmp_path)
        assert settled in (whole("new"), whole("old") if force else {}), number
        if settled and not force:
            for path in outputs(tmp_path):
                path.unlink()
        elif force:
            publish(tmp_path, "old", force=True)
        number += 1
    assert number > 15
    assert content(tmp_path) == whole("new")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_killed_while_replacing_files_of_the_same_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Growing again with another seed gives the same spec: the old one must not be taken for the new one."""
    publish(tmp_path, "new")
    number = 1
    while stopped(monkeypatch, tmp_path, number, force=True):
        left_overs.settle(left_overs.staged(outputs(tmp_path)))
        assert content_visible(tmp_path) == whole("new"), number
        number += 1
    assert number > 15


def content_visible(folder: Path) -> dict[str, str]:
    return {name: word for name, word in content_of(folder) if not name.startswith(".")}


def content_of(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, (path.read_text().split() or [""])[0]) for path in sorted(folder.iterdir())]


def test_left_overs_of_a_dead_run_do_not_block(tmp_path: Path) -> None:
    for name in (".grown.pt.lock", ".grown.pt.0.partial", ".grown.pt.1.partial", ".grown.pt.2.partial"):
        (tmp_path / name).write_text("dead")
    os.link(tmp_path / ".grown.pt.1.partial", tmp_path / "grown.fpt")
    publish(tmp_path, "new")
    assert content(tmp_path) == whole("new")


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 100 kB (a full disk, as root too meets it)."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
def test_no_space(tmp_path: Path, container: str, request: pytest.FixtureRequest) -> None:
    import torch

    from fptdsl.checkpoint import open_checkpoint, write_checkpoint

    from .helpers import kept, save

    path = save({"w": torch.ones(100_000)}, tmp_path / "old", container)
    request.getfixturevalue("small_files")

    def run() -> None:
        with open_checkpoint(path) as source, Publication([tmp_path / "new"]) as publication:
            write_checkpoint(publication.partial(tmp_path / "new"), source, kept(source))
            publication.commit()

    assert "no room" in fault(run, "F605").message
    assert [item.name for item in tmp_path.iterdir()] == ["old"]


def test_write_text(tmp_path: Path) -> None:
    write_text(tmp_path / "plan.json", "{}\n")
    fault(lambda: write_text(tmp_path / "plan.json", "[]\n"), "F600")
    write_text(tmp_path / "plan.json", "ä\n", force=True)
    assert (tmp_path / "plan.json").read_bytes() == "ä\n".encode()
    assert [item.name for item in tmp_path.iterdir()] == ["plan.json"]
