"""Documents made by hand, in the form of ``docs/json.md``."""

from __future__ import annotations

from typing import Any


def step(directive: str = "widen layer2 to 64", **other: Any) -> dict[str, Any]:
    return {
        "kind": "widen",
        "directive": directive,
        "target": "layer2",
        "summary": "32 → 64 units",
        "method": "netmorph",
        "exactness": "exact",
        "why": "the first legal one: nothing between writers and readers needs more",
        "ties": [],
        "parameters": 123456,
        "advice": ["Net2Net: start at about 1/10 of the initial learning rate."],
        **other,
    }


def tie(path: str, old: int, new: int, cause: str) -> dict[str, Any]:
    return {"path": path, "old": old, "new": new, "cause": cause}


def tensor(name: str, old: list[int] | None, new: list[int], **other: Any) -> dict[str, Any]:
    action = "add" if old is None else "keep" if old == new else "grow"
    parts = []
    if action == "grow":
        for axis, (before, after) in enumerate(zip(old or [], new)):
            if before != after:
                parts.append({"axis": axis, "start": 0, "stop": before, "how": "old"})
                parts.append({"axis": axis, "start": before, "stop": after, "how": "fresh"})
    return {
        "name": name,
        "action": action,
        "source": None if old is None else name,
        "old_shape": old,
        "new_shape": new,
        "buffer": False,
        "parts": parts,
        **other,
    }


def plan(tensors: list[dict[str, Any]], steps: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    modules: dict[str, dict[str, Any]] = {}
    for entry in tensors:
        module = entry["name"].rpartition(".")[0]
        sums = modules.setdefault(module, {"name": module, "source": module, "params_before": 0, "params_after": 0})
        sums["params_before"] += _count(entry["old_shape"])
        sums["params_after"] += _count(entry["new_shape"])
    for sums in modules.values():
        sums |= {"macs_before": 1000 * sums["params_before"], "macs_after": 1000 * sums["params_after"]}
    totals: dict[str, Any] = {
        key: sum(m[key] for m in modules.values())
        for key in ("params_before", "params_after", "macs_before", "macs_after")
    }
    totals |= {"bytes_before": 4 * totals["params_before"], "bytes_after": 4 * totals["params_after"]}
    totals |= {"dtype": "float32", "dtype_assumed": True, "tensors_before": 1, "tensors_after": 1}
    return {
        "schema": 1,
        "kind": "plan",
        "model": "ResNet",
        "spec": "sha256:00",
        "seed": 0,
        "exactness": "exact",
        "steps": steps,
        "tensors": tensors,
        "spaces": [],
        "modules": list(modules.values()),
        "totals": totals,
        "skipped": [],
        "warnings": [],
        **other,
    }


def _count(shape: list[int] | None) -> int:
    if shape is None:
        return 0
    total = 1
    for size in shape:
        total *= size
    return total


def residual_network(blocks: int = 3) -> list[dict[str, Any]]:
    """The tensors of a widened residual network with ``12 * blocks + 3`` tensors."""
    found = [tensor("conv1.weight", [16, 3, 3, 3], [16, 3, 3, 3])]
    for stage, (old, new) in enumerate(((16, 16), (32, 64), (64, 96)), 1):
        for block in range(blocks):
            for layer in (1, 2):
                name = f"layer{stage}.{block}"
                found.append(tensor(f"{name}.conv{layer}.weight", [old, old, 3, 3], [new, new, 3, 3]))
                found.append(tensor(f"{name}.bn{layer}.weight", [old], [new]))
    return [*found, tensor("linear.weight", [10, 64], [10, 96]), tensor("linear.bias", [10], [10])]
