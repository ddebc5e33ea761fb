"""Writing a zip archive of uncompressed, aligned records, as torch lays them out.

Each record is streamed; its checksum is put into its header afterwards.  Dates are fixed, so the same
content gives the same bytes.  (APPNOTE.TXT, sections 4.3 and 4.5.3 for zip64.)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

ALIGNMENT = 64
"""Bytes; torch's readers map records and want them aligned."""
LIMIT = 0xFFFFFFFF
"""From this size or offset on the zip64 fields are used."""
MOST_RECORDS = 0xFFFF
UTF8 = 0x0800
DATE = 0x0021
"""1 January 1980."""


@dataclass(frozen=True)
class _Item:
    name: bytes
    size: int
    crc: int
    offset: int


class StoredZip:
    """A zip archive under construction; ``finish`` writes the directory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.items: list[_Item] = []
        self.position = file.tell()

    def add(self, name: str, size: int, chunks: Iterable[bytes | memoryview]) -> int:
        """Write a record of ``size`` bytes; returns the CRC-32 of what was written."""
        encoded = name.encode("utf-8")
        start = self.position
        self.file.write(self._local_header(encoded, size, 0))
        crc = written = 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            self.file.write(chunk)
            written += len(chunk)
        if written != size:
            raise ValueError(f"{name}: {written} bytes instead of {size}")
        self.position = self.file.tell()
        self.file.seek(start + 14)
        self.file.write(struct.pack("<I", crc))
        self.file.seek(self.position)
        self.items.append(_Item(encoded, size, crc, start))
        return crc

    def _local_header(self, name: bytes, size: int, crc: int) -> bytes:
        """The header, padded by an extra field so that the bytes after it are aligned."""
        large = size >= LIMIT
        extra = struct.pack("<HHQQ", 1, 16, size, size) if large else b""
        fixed = self.position + 30 + len(name) + len(extra) + 4
        padding = -fixed % ALIGNMENT
        extra += b"FB" + struct.pack("<H", padding) + b"\0" * padding
        stated = 0xFFFFFFFF if large else size
        version = 45 if large else 20
        return (
            struct.pack("<4s5H3I2H", b"PK\3\4", version, UTF8, 0, 0, DATE, crc, stated, stated, len(name), len(extra))
            + name
            + extra
        )

    def finish(self) -> None:
        """Write the directory of the archive."""
        start = self.position
        for item in self.items:
            self.file.write(self._directory_entry(item))
        end = self.file.tell()
        count, size = len(self.items), end - start
        if count >= MOST_RECORDS or start >= LIMIT or size >= LIMIT:
            self.file.write(
                struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
                + struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
            )
            count, size, start = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
        self.file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, 0))

    def _directory_entry(self, item: _Item) -> bytes:
        large = b""
        size, offset = item.size, item.offset
        if size >= LIMIT:
            large += struct.pack("<QQ", size, size)
            size = 0xFFFFFFFF
        if offset >= LIMIT:
            large += struct.pack("<Q", offset)
            offset = 0xFFFFFFFF
        extra = struct.pack("<HH", 1, len(large)) + large if large else b""
        version = 45 if large else 20
        head = struct.pack("<4s6H3I", b"PK\1\2", version, version, UTF8, 0, 0, DATE, item.crc, size, size)
        return head + struct.pack("<5H2I", len(item.name), len(extra), 0, 0, 0, 0, offset) + item.name + extra
