"""Finding the state dict inside the object that a checkpoint file holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..diagnostics import Diagnostic, FptError, Span, did_you_mean
from ..language import syntax

NAMES = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "parameters",
)
"""Where training scripts put the state dict, the likeliest first."""

MAX_DEPTH = 4

IsTensor = Callable[[object], bool]


@dataclass(frozen=True)
class State:
    """The dictionary of tensors and where it is (``()``: the file's object itself)."""

    tensors: Mapping[str, Any]
    place: tuple[str, ...]


def find_state(root: object, rules: list[syntax.CheckpointEntry], is_tensor: IsTensor, path: str) -> State:
    """The state dict by the ``select`` rule, or by itself.

    Raises ``FptError``: F420 none, F421 several, F422 a rule that finds none, F429 two rules.
    """
    if len(rules) > 1:
        raise FptError(Diagnostic("F429", "`select` is there twice", rules[1].span, hint="keep one", path=path))
    if rules:
        return _selected(root, rules[0].first, rules[0].span, is_tensor, path)
    candidates = _candidates(root, is_tensor)
    if not candidates:
        _nothing(root, is_tensor, path)
    own = next((c for c in candidates if c.place == ()), None)
    named = [c for c in candidates if c.place and all(part in NAMES for part in c.place)]
    named.sort(key=lambda c: tuple(NAMES.index(part) for part in c.place))
    inner = named or [c for c in candidates if c.place]
    if own is not None and (not inner or _count(own, is_tensor) >= _count(inner[0], is_tensor)):
        return own
    if len(inner) > 1 and not named:
        places = ", ".join(f"`{'.'.join(c.place)}`" for c in inner[:5])
        hint = f'say which: checkpoint {{ select "{".".join(inner[0].place)}" }}'
        message = f"`{path}` holds several dictionaries of tensors: {places}"
        raise FptError(Diagnostic("F421", message, hint=hint, path=path))
    return inner[0]


def _count(state: State, is_tensor: IsTensor) -> int:
    return sum(map(is_tensor, state.tensors.values()))


def _candidates(root: object, is_tensor: IsTensor) -> list[State]:
    """Every dictionary with text keys that holds tensors directly, outer ones first."""
    found: list[State] = []
    level: list[tuple[object, tuple[str, ...]]] = [(root, ())]
    for _ in range(MAX_DEPTH):
        below: list[tuple[object, tuple[str, ...]]] = []
        for item, place in level:
            if not isinstance(item, dict):
                continue
            if any(isinstance(key, str) and is_tensor(value) for key, value in item.items()):
                found.append(State(item, place))
            below += [(value, (*place, key)) for key, value in item.items() if isinstance(key, str)]
        level = below
    return found


def _selected(root: object, text: str, span: Span | None, is_tensor: IsTensor, path: str) -> State:
    place = _lookup(root, text)
    if place is None:
        known = _dictionaries(root)
        listed = ", ".join(f"`{name}`" for name in known[:8]) or "none"
        message = f'`select "{text}"` finds nothing; dictionaries in the file: {listed}'
        hint = did_you_mean(text, known) or "leave `select` out where the file is the state dict itself"
        raise FptError(Diagnostic("F422", message, span, hint=hint, path=path))
    item: Any = root
    for part in place:
        item = item[part]
    if not isinstance(item, dict) or not any(map(is_tensor, item.values())):
        kind = "a dictionary without tensors" if isinstance(item, dict) else f"a {type(item).__name__}"
        inner = _dictionaries(item)
        hint = f'perhaps `select "{text}.{inner[0]}"`' if inner else "select the dictionary that holds the tensors"
        raise FptError(Diagnostic("F422", f'`select "{text}"` finds {kind}', span, hint=hint, path=path))
    return State(item, place)


def _lookup(item: object, text: str) -> tuple[str, ...] | None:
    """The keys that ``text`` stands for; a key may itself hold dots."""
    if not isinstance(item, dict):
        return None
    if text in item:
        return (text,)
    for at, char in enumerate(text):
        if char == "." and text[:at] in item:
            rest = _lookup(item[text[:at]], text[at + 1 :])
            if rest is not None:
                return (text[:at], *rest)
    return None


def _dictionaries(root: object) -> list[str]:
    names: list[str] = []
    if isinstance(root, dict):
        for key, value in root.items():
            if isinstance(key, str) and isinstance(value, dict):
                names.append(key)
                names += [f"{key}.{k}" for k, v in value.items() if isinstance(k, str) and isinstance(v, dict)]
    return names


def _nothing(root: object, is_tensor: IsTensor, path: str) -> NoReturn:
    if is_tensor(root):
        what = "a single tensor"
    elif isinstance(root, dict):
        keys = ", ".join(f"`{key}`" for key in list(root)[:8])
        what = f"a dictionary with the keys {keys} and no tensors in it" if root else "an empty dictionary"
    else:
        what = f"a {type(root).__name__}"
    hint = "save `model.state_dict()` with torch.save and give that file"
    raise FptError(Diagnostic("F420", f"`{path}` holds {what}, not a state dict", hint=hint, path=path))
