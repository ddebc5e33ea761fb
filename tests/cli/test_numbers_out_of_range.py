"""Directives with impossible numbers are refused at once; nothing is planned with them."""

from __future__ import annotations

import pytest

from cli.conftest import Run


@pytest.mark.parametrize(
    "directive",
    [
        "widen conv2 to 99999999999",
        "widen conv2 to 2147483649",
        "widen conv2 by 1e300x",
        "deepen layers by 99999999999",
    ],
)
def test_nothing_is_planned(run: Run, monkeypatch: pytest.MonkeyPatch, directive: str) -> None:
    def planned(*_: object, **__: object) -> None:
        raise AssertionError("planned")

    monkeypatch.setattr("fptdsl.growth.make_plan", planned)
    status, _, err = run("plan", "tiny.fpt", "--grow", directive)
    assert status == 1
    assert "F130" in err
