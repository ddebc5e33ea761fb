"""Faults that are alike, of a path that matches many layers."""

from __future__ import annotations

import pytest

from fptdsl.diagnostics import Diagnostics, FptError, Source, Span


def test_faults_of_one_directive_that_differ_in_names_are_told_once() -> None:
    source = Source("--grow", "widen a.* hiden to 9; widen b to 3")
    first, second = Span(source, 0, 20), Span(source, 22, 34)
    found = Diagnostics()
    for number in range(40):
        found.add("F308", f"`a.{number}` has no size called `hiden`", first, hint="did you mean `hidden`?")
    for number in range(3):
        found.add("F303", f"`b.{number}` is {number + 5} wide", second)
    for number in range(4):
        found.add("F452", f"no `field_{number}`", first)
    with pytest.raises(FptError) as caught:
        found.check()
    messages = [item.message for item in caught.value.diagnostics]
    assert messages[0] == "`a.0` has no size called `hiden`; 39 more are like it"
    assert messages[1:5] == [f"no `field_{number}`" for number in range(4)]
    assert messages[5:] == [f"`b.{number}` is {number + 5} wide" for number in range(3)]
