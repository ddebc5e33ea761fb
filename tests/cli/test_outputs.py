"""What may stand at the names of the outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Run

APPLY = ("apply", "grow.fpt", "tiny.pt", "-o", "out.pt")


def test_force_never_replaces_a_spec_written_by_hand(run: Run, folder: Path) -> None:
    own = (folder / "tiny.fpt").read_text()
    (folder / "out.fpt").write_text(own)
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = run(*APPLY, "--force")
    assert (status, out) == (1, "")
    assert "F608" in err
    assert "choose another name" in err
    assert (folder / "out.fpt").read_text() == own
    assert sorted(path.name for path in folder.iterdir()) == before


def test_force_replaces_what_a_growth_wrote(run: Run, folder: Path) -> None:
    assert run(*APPLY)[0] == 0
    assert run(*APPLY, "--force")[0] == 0
    edited = (folder / "out.fpt").read_text() + "\nwiden conv2 to 16\n"
    (folder / "out.fpt").write_text(edited)
    status, _, err = run(*APPLY, "--force")
    assert status == 1
    assert "F608" in err
    assert (folder / "out.fpt").read_text() == edited


def test_a_receipt_that_is_none_vouches_for_nothing(run: Run, folder: Path) -> None:
    (folder / "out.fpt").write_text("model M { }\n")
    for text in ("{}", "[]", "no json", '{"grown_spec": {"sha256": null}}'):
        (folder / "out.receipt.json").write_text(text)
        status, _, err = run(*APPLY, "--force")
        assert status == 1
        assert "F608" in err


@pytest.mark.parametrize("out", ["", ".", "/"])
def test_an_output_without_a_name_is_a_folder(run: Run, out: str) -> None:
    status, _, err = run("apply", "grow.fpt", "tiny.pt", "-o", out)
    assert status == 1
    assert "F602" in err


def test_a_missing_folder_is_told_once(run: Run) -> None:
    status, _, err = run("apply", "grow.fpt", "tiny.pt", "-o", "nowhere/out.pt")
    assert status == 1
    assert err.count("F603") == 1
    assert "`out.pt`" in err


def test_the_name_of_a_spec_is_not_that_of_a_checkpoint(run: Run) -> None:
    status, _, err = run("apply", "grow.fpt", "tiny.pt", "-o", "out.fpt")
    assert status == 1
    assert "name it out.pt; the spec of the grown network is written beside it" in " ".join(err.split())
