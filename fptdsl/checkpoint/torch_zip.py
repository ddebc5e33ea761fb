"""The zip container of ``torch.save``: its records, and where each tensor's bytes lie in the file.

``torch.load(weights_only=True, mmap=True)`` makes tensors that point into a mapping of the file.  From
the addresses and the archive's own directory follows which record holds which storage; the bytes are then
read by position, which leaves the mapping untouched and memory small.
"""

from __future__ import annotations

import mmap
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, NoReturn

from ..diagnostics import Diagnostic, FptError
from .open_files import raise_limit
from .storage import FileStorage, Storage

LOCAL_HEADER = 30
"""Bytes of a zip local header before its name and extra field."""


@dataclass(frozen=True)
class Record:
    """One stored file of the archive: name without the root folder, place of its bytes, checksum."""

    name: str
    offset: int
    nbytes: int
    crc: int


@dataclass(frozen=True)
class ZipArchive:
    """The directory of a torch zip file."""

    root: str
    """The folder that all records are in (torch takes the file's name)."""
    records: dict[str, Record]
    little_endian: bool = True


def read_archive(path: str, descriptor: int) -> ZipArchive:
    """Read and check the directory of a zip file.

    Raises ``FptError``: F404 (a zip file of another kind), F405 (damaged), F408 (TorchScript), F409 (compressed),
    F410 (the checksum of the object structure is wrong).
    """
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file, zipfile.ZipFile(file) as archive:
            items = archive.infolist()
            records = [_record(path, descriptor, item) for item in items]
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, NotImplementedError) as error:
        if (hint := raise_limit(error)) is not None:
            _fail("F402", path, f"`{path}` cannot be read: {error}", hint)
        _fail("F405", path, f"`{path}` is a damaged zip file: {error}", "copy or download it again")
    structure = next((r.name for r in records if r.name == "data.pkl" or r.name.endswith("/data.pkl")), None)
    if structure is None:
        hint = "give a file that torch.save or safetensors wrote"
        _fail("F404", path, f"`{path}` is a zip file without a saved object (`data.pkl`) in it", hint)
    root = structure[: -len("data.pkl")].rstrip("/")
    named: dict[str, Record] = {}
    for record, item in zip(records, items, strict=True):
        name = record.name[len(root) + 1 :] if root and record.name.startswith(root + "/") else record.name
        if name in named:
            _fail("F405", path, f"`{path}` has the record `{name}` twice", "save it again")
        if item.compress_type != zipfile.ZIP_STORED:
            hint = "load it with torch.load(weights_only=True) and save it again with torch.save"
            _fail("F409", path, f"the records of `{path}` are compressed, so they cannot be read in pieces", hint)
        named[name] = Record(name, record.offset, record.nbytes, record.crc)
    if "constants.pkl" in named:
        hint = "save `model.state_dict()` with torch.save and give that file"
        _fail("F408", path, f"`{path}` is a TorchScript archive, not a state dict", hint)
    _check_structure(path, descriptor, named["data.pkl"])
    order = named.get("byteorder")
    return ZipArchive(root, named, order is None or os.pread(descriptor, order.nbytes, order.offset) == b"little")


def _record(path: str, descriptor: int, item: zipfile.ZipInfo) -> Record:
    header = os.pread(descriptor, LOCAL_HEADER, item.header_offset)
    if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no record where the directory places `{item.filename}`")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    offset = item.header_offset + LOCAL_HEADER + name_length + extra_length
    if offset + item.compress_size > os.fstat(descriptor).st_size:
        raise zipfile.BadZipFile(f"`{item.filename}` goes beyond the end of the file")
    return Record(item.filename, offset, item.file_size, item.CRC)


def _check_structure(path: str, descriptor: int, record: Record) -> None:
    data = FileStorage(descriptor, path, record.offset, record.nbytes).read(0, record.nbytes)
    # torch writes a checksum of 0 when checksums are switched off (set_crc32_options).
    if record.crc and zlib.crc32(data.data) != record.crc:
        _fail("F410", path, f"the object structure of `{path}` does not match its checksum", "copy it again")


@dataclass(frozen=True)
class Mapping:
    """A file that torch has mapped: storages that lie in it are records of the file."""

    path: str
    descriptor: int
    base: int
    """The address of the file's first byte."""
    at: dict[int, Record]
    """The records of storages, by their place in the file."""

    def storage(self, storage: Any) -> Storage | None:
        """Where a torch storage lies in the file; None for one that lies elsewhere."""
        nbytes = storage.nbytes()
        if not nbytes:
            return FileStorage(self.descriptor, self.path, 0, 0)
        record = self.at.get(storage.data_ptr() - self.base)
        if record is None or nbytes > record.nbytes:
            return None
        crc = record.crc or None if record.nbytes == nbytes else None
        return FileStorage(self.descriptor, self.path, record.offset, nbytes, crc)


def mapping(path: str, descriptor: int, archive: ZipArchive, storages: list[Any]) -> Mapping | None:
    """Where the file lies in memory, by the torch storages of a mapped load.

    None where the addresses do not tell the records apart (then the mapping itself is to be read).
    Raises ``FptError`` F405 when the tensors do not fit the records.
    """
    wanted = sorted({(storage.data_ptr(), storage.nbytes()) for storage in storages if storage.nbytes()})
    at = {record.offset: record for record in archive.records.values() if record.name.startswith("data/")}
    if not wanted:
        return None
    bases = [wanted[0][0] - offset for offset in at]
    fitting = [base for base in bases if base % mmap.PAGESIZE == 0 and _fits(wanted, base, at)]
    if not fitting:
        _fail("F405", path, f"the tensors of `{path}` do not fit its records", "copy or download it again")
    return Mapping(path, descriptor, fitting[0], at) if len(fitting) == 1 else None


def _fits(wanted: list[tuple[int, int]], base: int, at: dict[int, Record]) -> bool:
    return all(address - base in at and nbytes <= at[address - base].nbytes for address, nbytes in wanted)


def _fail(code: str, path: str, message: str, hint: str) -> NoReturn:
    raise FptError(Diagnostic(code, message, hint=hint, path=path))
