"""Headers of NRRD, MetaImage and NIfTI files, checked before a library sees them.

The readers behind ITK copy some parts of a header into buffers of fixed length, and take the first of two entries with
the same name where we would take the second. So a header may hold only what is known, once, and of ordinary length.
"""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .errors import UnreadableImageError

LONGEST_HEADER = 4 << 20
_LONGEST_VALUE = 600
_LONGEST_TEXT = 30_000
_LONGEST_KEY = 200
_MOST_DIMENSIONS = 4
_NRRD_FIELDS = frozenset(
    {
        *("type", "block size", "blocksize", "dimension", "sizes", "endian", "encoding", "data file", "datafile"),
        *("content", "min", "max", "old min", "oldmin", "old max", "oldmax", "number", "sample units", "sampleunits"),
        *("space", "space dimension", "space units", "space origin", "space directions", "measurement frame"),
        *("spacings", "thicknesses", "axis mins", "axismins", "axis maxs", "axismaxs", "centers", "centerings"),
        *("labels", "units", "kinds", "line skip", "lineskip", "byte skip", "byteskip"),
    }
)
_NRRD_ENCODINGS = ("raw", "gzip", "gz", "ascii", "text", "txt", "hex", "bzip2", "bz2")
_NRRD_TEXT_ENCODINGS = ("ascii", "text", "txt")
_LONGEST_NUMBER = 64
_TOO_LONG_NUMBER = re.compile(rb"[^\s,]{%d}" % _LONGEST_NUMBER)
_NIFTI_1_HEADER, _NIFTI_2_HEADER = 348, 540
_NIFTI_NAMES = (".nii", ".nii.gz", ".hdr")


class CheckedHeader(NamedTuple):
    """What is known of a volume before it is decoded.

    Parameters
    ----------
    data_path : Path
        File that holds the samples.
    data_position : int
        Where in it (unpacked, for NIfTI) the samples begin; negative where the header does not tell.
    compression : str
        ``gzip``, ``zlib``, ``bzip2``, ``text`` or empty.
    """

    data_path: Path
    data_position: int
    compression: str


def check_volume_header(path: Path, kind: str) -> CheckedHeader:
    """Check the header of an NRRD, MetaImage or NIfTI file (``kind``).

    Raises
    ------
    UnreadableImageError
        When it holds what no sound header holds, or names other data than one file beside it.
    """
    if kind == "NIfTI":
        if not path.name.lower().endswith(_NIFTI_NAMES):
            raise UnreadableImageError("This is a NIfTI file; give its name the ending .nii or .nii.gz.")
        data_path = path.with_suffix(".img") if path.suffix.lower() == ".hdr" else path
        if not data_path.is_file():
            raise UnreadableImageError("The file with the pixels (.img) is missing; put it beside the header.")
        packed = path.suffix.lower() == ".gz"
        return CheckedHeader(data_path, _nifti_position(path, packed), "gzip" if packed else "")
    return _nrrd(path) if kind == "NRRD" else _meta_image(path)


def _nifti_position(path: Path, packed: bool) -> int:
    """Where the samples begin: ``vox_offset`` of the header, version 1 or 2, in either byte order."""
    with gzip.open(path) if packed else path.open("rb") as file:
        head = file.read(_NIFTI_2_HEADER)
    for order in "<>":
        for header, form, place in ((_NIFTI_1_HEADER, "f", 108), (_NIFTI_2_HEADER, "q", 168)):
            if len(head) >= header and head[:4] == struct.pack(f"{order}l", header):
                offset = struct.unpack_from(order + form, head, place)[0]
                earliest = 0 if path.suffix.lower() == ".hdr" else header
                if earliest <= offset <= LONGEST_HEADER:
                    return int(offset)
    raise UnreadableImageError("The NIfTI header is damaged; please save the image again.")


def _nrrd(path: Path) -> CheckedHeader:
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        file.readline(20)
        for line in _lines(file):
            if not line:
                break
            field = re.match(r"([^:=]+): ", line + " ")
            if line.startswith("#") or (not field and ":=" in line):
                continue  # comments and key–value pairs may hold anything
            name = field[1].strip().lower() if field else ""
            if not field or name not in _NRRD_FIELDS:
                raise UnreadableImageError(
                    "The NRRD header holds a line that is no field of that format; please save the image again."
                )
            value = line[field.end() - 1 :].strip()
            _check_entry("NRRD", name, value, name in fields, _LONGEST_VALUE if name != "content" else LONGEST_HEADER)
            fields[name] = value
        position = file.tell()
    _check_dimensions(fields.get("dimension", ""), fields.get("sizes", ""), "NRRD")
    encoding = fields.get("encoding", "").lower()
    if encoding not in _NRRD_ENCODINGS:
        raise UnreadableImageError(
            "The NRRD header does not name an encoding that exists; please save the image again."
        )
    named = [fields[name] for name in ("data file", "datafile") if name in fields]
    if len(named) > 1:
        raise _one_file_beside()
    data_path = _beside(path, named[0]) if named else path
    compression = {"g": "gzip", "b": "bzip2", "r": ""}.get(encoding[0], "text")
    position = 0 if named else position
    if encoding in _NRRD_TEXT_ENCODINGS:
        _check_numbers(data_path, position)
    skips = any(fields.get(name, "0") != "0" for name in ("line skip", "lineskip", "byte skip", "byteskip"))
    return CheckedHeader(data_path, -1 if skips else position, compression)


def _meta_image(path: Path) -> CheckedHeader:
    fields: dict[str, str] = {}
    seen: set[str] = set()
    with path.open("rb") as file:
        for line in _lines(file):
            name, equals, value = (part.strip() for part in line.partition("="))
            if not equals or ":" in name:  # for MetaIO, a colon ends a name as well
                raise UnreadableImageError(
                    "The MetaImage header holds a line that is no field; please save the image again."
                )
            _check_entry("MetaImage", name, value, name.lower() in seen, _LONGEST_TEXT)
            seen.add(name.lower())
            fields[name] = value
            if name.lower() == "elementdatafile":
                break
        position = file.tell()
    if "ElementDataFile" not in fields:
        raise _one_file_beside()
    _check_dimensions(fields.get("NDims", ""), fields.get("DimSize", ""), "MetaImage")
    named = fields["ElementDataFile"]
    packed = fields.get("CompressedData", "").lower().startswith("t")
    compression = "zlib" if packed else "text" if fields.get("BinaryData", "").lower().startswith("f") else ""
    if named == "LOCAL":
        return CheckedHeader(path, position, compression)
    skips = fields.get("HeaderSize", "0") != "0"
    return CheckedHeader(_beside(path, named), -1 if skips else 0, compression)


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a header, without what ends them."""
    while line := file.readline(LONGEST_HEADER):
        text = line.decode("latin-1").rstrip("\r\n")
        if file.tell() >= LONGEST_HEADER or "\r" in text or "\0" in text:  # some readers end a line at these
            raise UnreadableImageError("The header of the file is damaged; please save the image again.")
        yield text


def _check_entry(kind: str, name: str, value: str, known: bool, longest: int) -> None:
    if known:
        raise UnreadableImageError(f"The {kind} header says “{name[:40]}” twice; please save the image again.")
    if len(name) > _LONGEST_KEY or len(value) > longest:
        raise UnreadableImageError(
            f"The {kind} header holds an entry that is too long (“{name[:40]}”); please save the image again."
        )


def _check_dimensions(dimensions: str, sizes: str, kind: str) -> None:
    """The number of dimensions is one small number, and there are as many sizes."""
    fits = re.fullmatch(r"\d{1,2}", dimensions) and 1 <= int(dimensions) <= _MOST_DIMENSIONS
    counted = re.fullmatch(r"\d{1,20}(\s+\d{1,20})*", sizes)
    if not fits or not counted or len(sizes.split()) != int(dimensions):
        raise UnreadableImageError(
            f"The {kind} header does not say how many rows and columns there are; please save the image again."
        )


def _beside(path: Path, named: str) -> Path:
    """The one data file that a header names, in the header's own folder."""
    folder = path.resolve().parent
    data_path = folder / named
    if Path(named).name != named or "%" in named or not data_path.is_file() or data_path.resolve().parent != folder:
        raise _one_file_beside()
    return data_path


def _one_file_beside() -> UnreadableImageError:
    return UnreadableImageError(
        "The header does not name one data file in its own folder; put both files of the image side by side."
    )


def _check_numbers(path: Path, position: int) -> None:
    """Numbers written as text are words of ordinary length."""
    with path.open("rb") as file:
        file.seek(position)
        rest = b""
        while block := file.read(1 << 20):
            block = rest + block
            if _TOO_LONG_NUMBER.search(block):
                raise UnreadableImageError("The pixels of the file are no numbers; please save the image again.")
            rest = block[-_LONGEST_NUMBER:]
