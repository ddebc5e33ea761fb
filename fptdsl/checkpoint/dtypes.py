"""Element types by torch's names (``float32``), with their raw numpy and safetensors forms.

numpy has no bfloat16 and no eight-bit floats: such values travel as unsigned integers of the same
width that hold the bits unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

RAW: dict[str, str] = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": "u2",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": "?",
    "complex64": "c8",
    "complex128": "c16",
    "float8_e4m3fn": "u1",
    "float8_e5m2": "u1",
    "float8_e8m0fnu": "u1",
    "float8_e4m3fnuz": "u1",
    "float8_e5m2fnuz": "u1",
}
"""Torch's name -> numpy's code of the raw elements (little-endian)."""

SAFETENSORS: dict[str, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
"""The name in a safetensors header -> torch's name."""

FLOATS = ("float32", "float16", "bfloat16", "float64")
"""The types whose tensors can be grown."""

INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64")


def raw_dtype(name: str) -> np.dtype[np.generic]:
    """The numpy type that carries the bits of torch's type ``name``; KeyError for an unknown one."""
    return np.dtype("<" + RAW[name]) if RAW[name] not in ("?", "u1", "i1") else np.dtype(RAW[name])


def item_size(name: str) -> int:
    """Bytes per element."""
    return raw_dtype(name).itemsize


def all_finite(values: npt.NDArray[np.generic], name: str) -> bool:
    """Whether no element of raw ``values`` of type ``name`` is NaN or infinite."""
    if name == "bfloat16":
        # The bits of infinity and what lies beyond them, with and without the sign: two passes without a copy.
        if not values.size:
            return True
        return bool(values.max() < 0xFF80) and bool(values.view(np.int16).max() < 0x7F80)
    if values.dtype.kind not in "fc":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    # A finite sum proves finite elements in one fast pass; a sum may also overflow by itself.
    return bool(np.isfinite(total)) or bool(np.isfinite(values).all())


def dominant(names: Iterable[str]) -> str:
    """The float type that most of ``names`` have (the first met wins a tie); float32 without any."""
    counts: dict[str, int] = {}
    for name in names:
        if name in FLOATS:
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else "float32"
