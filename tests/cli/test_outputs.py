"""What may stand at the names of the outputs."""

from __future__ import annotations

from pathlib import Path

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
