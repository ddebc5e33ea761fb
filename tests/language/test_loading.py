"""Loading: `use`, `--model`, `--grow`, shipped specs, and files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from fptdsl.diagnostics import FptError
from fptdsl.language import Document, load, syntax
from fptdsl.language.expression_text import arguments

MODEL = "block Part(w) { a: linear(w) }\nmodel Net(n = 2, w = 3) {\n  input x: float[4]\n  Part(w)\n}\n"


@pytest.fixture
def write(tmp_path: Path) -> object:
    def make(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def fault(*args: object, **options: object) -> tuple[str, str, str]:
    with pytest.raises(FptError) as caught:
        load(*args, **options)  # type: ignore[arg-type]
    item = caught.value.diagnostics[0]
    return item.code, item.message, item.hint or ""


def given(document: Document) -> str:
    return arguments(document.model_args)


def test_use_brings_in_blocks_model_and_checkpoint_but_no_growth(write) -> None:  # type: ignore[no-untyped-def]
    write("sub/net.fpt", MODEL + 'checkpoint { strip "m." }\nwiden a to 9\n')
    spec = write("grow.fpt", 'use "sub/net.fpt" as Net(n = 5)\nblock Own { relu }\nwiden a to 5; deepen b by 2\n')
    document = load(spec, grow=["widen c to 7"])
    assert document.path == spec
    assert document.model is not None
    assert document.model.name == "Net"
    assert given(document) == "(n=5)"
    assert set(document.blocks) == {"Own", "Part"}
    assert document.checkpoint == syntax.Checkpoint((syntax.CheckpointEntry("strip", "m."),))
    assert [len(grow.directives) for grow in document.grows] == [1, 1, 1]
    assert [Path(source.name).name for source in document.sources] == ["grow.fpt", "net.fpt", "--grow"]


def test_the_own_checkpoint_section_comes_before_that_of_a_used_file(write) -> None:  # type: ignore[no-untyped-def]
    write("net.fpt", MODEL + 'checkpoint { strip "a." }\n')
    document = load(write("s.fpt", 'use "net.fpt"\ncheckpoint { strip "b." }\n'))
    assert document.checkpoint == syntax.Checkpoint((syntax.CheckpointEntry("strip", "b."),))


def test_arguments_of_the_outer_file_win(write) -> None:  # type: ignore[no-untyped-def]
    write("net.fpt", MODEL)
    write("mid.fpt", 'use "net.fpt" as Net(5, w = 7)\n')
    assert given(load(write("s.fpt", 'use "mid.fpt" as Net(w = 9)'))) == "(n=5, w=9)"
    assert given(load(write("t.fpt", 'use "mid.fpt"'))) == "(n=5, w=7)"
    assert given(load(write("u.fpt", 'use "mid.fpt" as Net(6)'))) == "(n=6, w=7)"


def test_a_file_used_twice_is_read_once(write) -> None:  # type: ignore[no-untyped-def]
    write("blocks.fpt", "block Shared { relu }")
    write("a.fpt", 'use "blocks.fpt"\nblock A { relu }')
    write("b.fpt", 'use "blocks.fpt"\nblock B { relu }')
    document = load(write("s.fpt", 'use "a.fpt"\nuse "b.fpt"\nmodel M { A }'))
    assert set(document.blocks) == {"Shared", "A", "B"}
    assert len(document.sources) == 4


def test_model_option_supplies_what_the_spec_lacks(write) -> None:  # type: ignore[no-untyped-def]
    net = write("net.fpt", MODEL + 'checkpoint { strip "a." }\nwiden q to 9\n')
    document = load(write("g.fpt", "widen a to 5"), model=net)
    assert document.model is not None
    assert document.checkpoint is not None
    assert len(document.grows) == 1
    assert document.path is not None
    assert document.path.name == "g.fpt"


def test_shipped_specs_by_name() -> None:
    for name in ("resnet_cifar", "resnet_cifar.fpt"):
        model = load(name).model
        assert model is not None
        assert model.name == "ResNetCifar"
    assert fault("resnet_cifr") == ("F140", "there is no spec `resnet_cifr`", "did you mean `resnet_cifar`?")


def test_a_shipped_spec_can_be_used(write) -> None:  # type: ignore[no-untyped-def]
    document = load(write("s.fpt", 'use "resnet_cifar" as ResNetCifar(n = 5)\nwiden layer2 to 64'))
    assert "Basic" in document.blocks
    assert given(document) == "(n=5)"


def test_files_that_cannot_be_read(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write("net.fpt", MODEL)
    assert fault(tmp_path)[0] == "F141"
    assert "`net.fpt`" in fault(tmp_path)[2]
    assert fault(tmp_path / "nett.fpt")[2] == "did you mean `net.fpt`?"
    assert fault(tmp_path / "net")[2] == "did you mean `net.fpt`?"
    (tmp_path / "llama").mkdir()
    assert fault(tmp_path / "llama")[::2] == ("F141", "")
    write("llama/config.json", "{}")
    assert "behind its spec" in fault(tmp_path / "llama")[2]
    assert fault("/dev/null")[0] == "F142"
    assert fault("a\0b")[0] == "F142"
    assert fault(tmp_path / "net.fpt" / "x.fpt")[0] == "F140"
    assert fault(write("latin.fpt", b"# caf\xe9"))[0] == "F110"
    assert fault(write("wide.fpt", "relu".encode("utf-16")))[2] == "this looks like UTF-16"
    for begin in (b"PK\x03\x04\xff", b"\x80\x02\x8a\n"):
        assert "the spec comes first" in fault(write("net.pt", begin))[2]
    assert fault(write("big.fpt", "#" * (2 << 20)))[0] == "F108"
    (tmp_path / "loop.fpt").symlink_to(tmp_path / "loop.fpt")
    assert fault(tmp_path / "loop.fpt")[0] == "F142"


def test_a_byte_order_mark_is_left_out(write) -> None:  # type: ignore[no-untyped-def]
    assert load(write("bom.fpt", b"\xef\xbb\xbfwiden a to 5\r\n")).grows


def test_too_many_files_in_a_row(write) -> None:  # type: ignore[no-untyped-def]
    for number in range(20):
        write(f"f{number}.fpt", f'use "f{number + 1}.fpt"\n')
    spec = write("f20.fpt", "widen a to 5").parent / "f0.fpt"
    assert fault(spec)[:2] == ("F125", "more than 16 files use one another in a row")


def test_a_name_with_a_nul_in_use(write) -> None:  # type: ignore[no-untyped-def]
    assert fault(write("s.fpt", 'use "a\\0b"'))[0] == "F142"
