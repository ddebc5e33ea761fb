"""The package works from a wheel outside the checkout, and from an editable install."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASK = "import fptdsl, fptdsl.resources as r; print(fptdsl.__file__, r.folder('grammar'), *r.shipped_specs())"


def run(words: Sequence[str | Path], cwd: Path, **extra: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "COLUMNS")}
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, env={**environment, **extra}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment; the dependencies are lent to it through PYTHONPATH."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def lent_dependencies() -> str:
    return sysconfig.get_paths()["purelib"]


def test_wheel_holds_grammar_specs_and_typing_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"fptdsl/grammar/fpt.lark", "fptdsl/specs/resnet_cifar.fpt", "fptdsl/py.typed"} <= names
    assert not any(name.startswith(("tests/", "examples/", "benchmarks/")) for name in names)
    packaged = {name.removeprefix("fptdsl/specs/") for name in names if name.startswith("fptdsl/specs/")}
    assert packaged == {path.relative_to(ROOT / "specs").as_posix() for path in (ROOT / "specs").rglob("*.*")}


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_installed_package_finds_its_grammar_and_specs(
    wheel: Path, bare_python: Path, tmp_path: Path, editable: bool
) -> None:
    what = ["-e", ROOT] if editable else [wheel]
    run([bare_python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", *what], tmp_path)
    lent = {"PYTHONPATH": lent_dependencies()}
    package, grammar, *specs = run([bare_python, "-c", ASK], tmp_path, **lent).split()
    if editable:
        assert Path(package) == ROOT / "fptdsl" / "__init__.py"
        assert Path(grammar) == ROOT / "grammar"
    else:
        assert ROOT not in Path(package).parents
        assert Path(grammar).parent == Path(package).parent
    assert {"mlp", "lenet", "vgg_bn", "resnet_cifar", "resnet"} <= set(specs)
    shown = run([bare_python.with_name("fptdsl"), "show", "resnet_cifar"], tmp_path, **lent)
    assert "layer3" in shown
