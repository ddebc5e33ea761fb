"""Methods and their options, typed."""

from __future__ import annotations

import pytest

from fptdsl.diagnostics import FptError
from fptdsl.language import parse, syntax
from fptdsl.language.directives import method_for, method_of, section_method, section_seed
from fptdsl.language.methods import METHODS, Net2NetWiden, NetMorphDeepen


def using(text: str) -> syntax.Using:
    directive = grow(f"widen a to 5 using {text}").directives[0]
    assert isinstance(directive, syntax.Widen)
    assert directive.using is not None
    return directive.using


def grow(text: str) -> syntax.Grow:
    item = parse(text).items[0]
    assert isinstance(item, syntax.Grow)
    return item


def test_options_are_bare_words_or_strings() -> None:
    for text in ("net2net(split=equal, noise=0.5)", 'net2net(split="equal", noise=0.5)'):
        method = method_of(using(text), "widen")
        assert (method.name, method.kind) == ("net2net", "widen")
        assert method.options == Net2NetWiden(split="equal", noise=0.5)
        assert method.given == {"split", "noise"}


def test_defaults_are_those_of_the_language_reference() -> None:
    assert method_of(using("net2net"), "widen").mapping == {"split": "element", "noise": 0.0}
    assert method_of(using("net2net"), "deepen").mapping == {"bn": "auto", "noise": 0.0}
    assert method_of(using("netmorph"), "widen").mapping == {"zero": "auto"}
    assert method_of(using("r2r"), "widen").mapping == {"scale": 1.0, "transfer": False}
    assert method_of(using("netmorph(activation=paired)"), "deepen").options == NetMorphDeepen(activation="paired")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["widen", "deepen", "enlarge", "branch"])
def test_every_method_serves_its_directives_and_no_others(name: str, kind: str) -> None:
    if kind in METHODS[name]:
        assert method_of(using(name), kind).name == name  # type: ignore[arg-type]
    else:
        with pytest.raises(FptError) as caught:
            method_of(using(name), kind)  # type: ignore[arg-type]
        assert caught.value.diagnostics[0].code == "F134"


def test_all_the_faults_of_one_method_come_together() -> None:
    with pytest.raises(FptError) as caught:
        method_of(using("net2net(split=x, noise=-1, nois=3)"), "widen")
    assert sorted(item.code for item in caught.value.diagnostics) == ["F132", "F133", "F133"]


def test_sections() -> None:
    section = grow("grow (using=net2net(noise=0.5), seed=7) { widen a to 5; deepen b by 1 using zero; require exact }")
    assert section_method(section) == using("net2net(noise=0.5)")
    assert section_seed(section) == 7
    widen, deepen, require = section.directives
    assert method_for(widen, section).name == "net2net"  # type: ignore[union-attr]
    assert method_for(deepen, section).name == "zero"  # type: ignore[union-attr]
    assert method_for(require, section) is None
    plain = grow("grow (using=r2r) { widen a to 5 }")
    assert section_method(plain) == syntax.Using("r2r")
    assert method_for(plain.directives[0], plain).name == "r2r"  # type: ignore[union-attr]


def test_a_section_s_options_count_where_the_method_knows_them() -> None:
    section = grow("grow (using=net2net(split=equal, bn=unit)) { widen a to 5; deepen b by 1 }")
    widen, deepen = section.directives
    assert method_for(widen, section).mapping == {"split": "equal", "noise": 0.0}  # type: ignore[union-attr]
    assert method_for(deepen, section).mapping == {"bn": "unit", "noise": 0.0}  # type: ignore[union-attr]
