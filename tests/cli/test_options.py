"""Values of ``--set``."""

from __future__ import annotations

import pytest
import typer

from fptdsl.cli.options import settings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("False", False),
        ("none", None),
        ("A", "A"),
        ('"A"', "A"),
        ("[1, 2]", [1, 2]),
        ("null", "null"),
        ("Infinity", "Infinity"),
        ("NaN", "NaN"),
        ("{}", "{}"),
        ("", ""),
        ("a=b", "a=b"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_values(text: str, value: object) -> None:
    found = settings([f"n={text}"])
    assert found == {"n": value}
    assert type(found["n"]) is type(value)


@pytest.mark.parametrize("text", ["n", "=3", "", "1n=3", "a b=3", "n.x=3"])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        settings([text])


def test_nothing_and_several() -> None:
    assert settings(None) == settings([]) == {}
    assert settings(["n=1", "width = 8"]) == {"n": 1, "width": 8}
    with pytest.raises(typer.BadParameter, match="twice"):
        settings(["n=1", "n=2"])
