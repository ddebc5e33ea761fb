"""Finding the state dict, and the rules of the checkpoint section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fptdsl.checkpoint import open_checkpoint

from .helpers import fault, rules, save

W = torch.ones(2)


def keys_of(tmp_path: Path, item: Any, *entries: tuple[str, ...], described: tuple[str, ...] = ()) -> list[str]:
    path = save(item, tmp_path / "file.pt", "zip")
    with open_checkpoint(path, rules(*entries) if entries else None, described=described) as source:
        return source.keys()


@pytest.mark.parametrize("name", ["state_dict", "model", "net", "model_state_dict", "weights", "params", "module"])
def test_found_by_itself_under_the_usual_names(tmp_path: Path, name: str) -> None:
    assert keys_of(tmp_path, {"epoch": 3, name: {"w": W}}) == ["w"]


def test_found_by_itself(tmp_path: Path) -> None:
    assert keys_of(tmp_path, {"w": W}) == ["w"]
    assert keys_of(tmp_path, {"model": {"state_dict": {"w": W}}}) == ["w"]
    assert keys_of(tmp_path, {"my_own_name": {"w": W}}) == ["w"]
    assert keys_of(tmp_path, {"state_dict": {"w": W}, "state_dict_ema": {"x": W}, "y": {"z": W}}) == ["w"]
    assert keys_of(tmp_path, {"best": torch.tensor(0.9), "state_dict": {"w": W, "v": W}}) == ["w", "v"]


def test_wrapper_prefixes_are_dropped(tmp_path: Path) -> None:
    assert keys_of(tmp_path, {"module.a": W, "module.b": W}) == ["a", "b"]
    assert keys_of(tmp_path, {"module._orig_mod.a": W}) == ["a"]
    assert keys_of(tmp_path, {"_orig_mod.module.module.a": W}) == ["a"]
    assert keys_of(tmp_path, {"module.a": W, "b": W}) == ["module.a", "b"]
    assert keys_of(tmp_path, {"module.a": W, "module.b": W}, described=("module.a", "module.b")) == [
        "module.a",
        "module.b",
    ]


def test_what_was_found_is_said(tmp_path: Path) -> None:
    path = save({"state_dict": {"module.a": W, "module.b": W}}, tmp_path / "file.pt", "zip")
    assert open_checkpoint(path).found == "torch file with 2 tensors under `state_dict`, prefix `module.` dropped."


def test_rules_apply_in_their_own_order(tmp_path: Path) -> None:
    item = {"a": {"b": {"m.old.w": W, "m.v": W, "m.d2.x.y": W, "m.fc": W, "m.classifier": W}}}
    written = (
        ("ignore", "d2.*"),
        ("alias", "fc", "classifier"),
        ("rename", "old.", "new."),
        ("strip", "m."),
        ("select", "a.b"),
    )
    assert keys_of(tmp_path, item, *written) == ["new.w", "v", "fc", "classifier"]
    assert keys_of(tmp_path, item, *reversed(written)) == ["new.w", "v", "fc", "classifier"]


def test_select_takes_keys_with_dots(tmp_path: Path) -> None:
    assert keys_of(tmp_path, {"a.b": {"c": {"w": W}}}, ("select", "a.b.c")) == ["w"]


def test_strips_follow_each_other(tmp_path: Path) -> None:
    assert keys_of(tmp_path, {"module.net.a": W, "module.b": W}, ("strip", "module."), ("strip", "net.")) == ["a", "b"]


def test_a_key_is_renamed_once_by_the_longest_prefix(tmp_path: Path) -> None:
    item = {"a.x": W, "b.x": W, "a.deep.x": W}
    swapped = (("rename", "a.", "b."), ("rename", "b.", "a."), ("rename", "a.deep.", "c."))
    assert keys_of(tmp_path, item, *swapped) == ["b.x", "a.x", "c.x"]
    assert keys_of(tmp_path, {"x": W}, ("rename", "", "model.")) == ["model.x"]


def test_a_star_stands_for_what_stays(tmp_path: Path) -> None:
    item = {"a.norm.gamma": W, "b.gamma": W, "gamma": W, "norm.gamma.x": W}
    assert keys_of(tmp_path, item, ("rename", "*.gamma", "*.weight")) == [
        "a.norm.weight",
        "b.weight",
        "gamma",
        "norm.gamma.x",
    ]
    assert keys_of(tmp_path, {"a.b.c": W}, ("rename", "a.*.c", "x*y")) == ["xby"]
    assert keys_of(tmp_path, {"a.c": W, "a.b.c": W}, ("rename", "a.*.c", "d.*")) == ["a.c", "d.b"]


@pytest.mark.parametrize("rule", [("rename", "*.gamma", "weight"), ("rename", "a", "*"), ("rename", "*.*", "*.*")])
def test_one_star_on_both_sides(tmp_path: Path, rule: tuple[str, ...]) -> None:
    path = save({"a.gamma": W}, tmp_path / "file.pt", "zip")
    assert "one `*` on both sides, or none" in fault(lambda: open_checkpoint(path, rules(rule)), "F424").message


def test_rules_of_a_family_hold_where_they_are_needed(tmp_path: Path) -> None:
    """A prefix that some files have, and what only some networks of the family lack."""
    section = rules(("rename", "", "model."), ("ignore", "*.mask"), ("ignore", "*pooler.*"))
    described = ("model.a.w", "model.b.w", "head.w")
    for item in (
        {"model.a.w": W, "model.b.w": W, "head.w": W, "model.a.mask": W, "model.pooler.w": W},
        {"a.w": W, "b.w": W, "head.w": W, "a.mask": W, "pooler.w": W},
    ):
        path = save(item, tmp_path / "file.pt", "zip")
        with open_checkpoint(path, section, described=described, family=True) as source:
            assert source.keys() == ["model.a.w", "model.b.w", "head.w"]
            assert len(source.ignored) == 2
        with open_checkpoint(path, section, described=(*described, "model.pooler.w"), family=True) as source:
            assert source.keys() == ["model.a.w", "model.b.w", "head.w", "model.pooler.w"]
            assert len(source.ignored) == 1


def test_ignore_matches_dots_and_exact_names(tmp_path: Path) -> None:
    item = {"d1.w": W, "d2.a.b": W, "d2x": W, "sum_idx": W}
    assert keys_of(tmp_path, item, ("ignore", "d2.*"), ("ignore", "sum_idx")) == ["d1.w", "d2x"]


def test_aliased_tensors_may_be_copies_but_must_be_equal(tmp_path: Path) -> None:
    path = save({"fc.w": W, "classifier.w": W.clone(), "x": W}, tmp_path / "file.pt", "zip")
    with open_checkpoint(path, rules(("alias", "fc", "classifier"))) as source:
        assert source.aliases == (("fc.w", "classifier.w", "x"),)
    save({"fc.w": W, "classifier.w": W + 1}, path, "zip")
    found = fault(lambda: open_checkpoint(path, rules(("alias", "fc", "classifier"))), "F426")
    assert "`fc.w` is declared an alias of `classifier.w`" in found.message


@pytest.mark.parametrize(
    ("rule", "code", "told"),
    [
        (("select", "state_dcit"), "F422", "did you mean `state_dict`?"),
        (("select", "epoch"), "F422", "a int"),
        (("select", "outer"), "F422", 'select "outer.inner"'),
        (("strip", "modul."), "F423", "`layer.weight`"),
        (("rename", "layre.", "new."), "F424", "did you mean `layer`?"),
        (("alias", "fc", "layer"), "F425", "there is no key `fc`"),
        (("alias", "layer", "nothing"), "F425", "`nothing.weight`"),
    ],
)
def test_a_rule_that_finds_nothing(tmp_path: Path, rule: tuple[str, ...], code: str, told: str) -> None:
    item = {"epoch": 3, "state_dict": {"layer.weight": W}, "outer": {"inner": {"w": W}}}
    path = save(item, tmp_path / "file.pt", "zip")
    found = fault(lambda: open_checkpoint(path, rules(rule)), code)
    assert told in f"{found.message} {found.hint}"
    assert found.path == str(path)


def test_ignore_without_a_hit_is_a_warning(tmp_path: Path) -> None:
    path = save({"w": W}, tmp_path / "file.pt", "zip")
    with open_checkpoint(path, rules(("ignore", "d2.*"))) as source:
        assert [item.code for item in source.warnings] == ["F427"]


def test_all_faults_of_the_rules_at_once(tmp_path: Path) -> None:
    from .helpers import faults

    path = save({"w": W}, tmp_path / "file.pt", "zip")
    section = rules(("strip", "a."), ("rename", "b.", "c."), ("alias", "d", "e"))
    assert [item.code for item in faults(lambda: open_checkpoint(path, section))] == ["F423", "F424", "F425"]


def test_names_that_fall_together(tmp_path: Path) -> None:
    path = save({"module.w": W, "w": W}, tmp_path / "file.pt", "zip")
    found = fault(lambda: open_checkpoint(path, rules(("strip", "module."))), "F428")
    assert "`module.w` and `w`" in found.message


def test_select_in_safetensors_or_twice(tmp_path: Path) -> None:
    path = save({"w": W}, tmp_path / "file.safetensors", "safetensors")
    assert "no dictionaries" in fault(lambda: open_checkpoint(path, rules(("select", "model"))), "F422").message
    torch.save({"a": {"w": W}}, path)
    fault(lambda: open_checkpoint(path, rules(("select", "a"), ("select", "a"))), "F429")
