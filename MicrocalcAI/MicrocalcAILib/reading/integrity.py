"""Whether a file's pixels are those that were written: checksums are verified, messages of decoders are read."""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.errors import UnreadableImageError
from .volume_files import data_file

_PNG_SIGNATURE = 8
_GZIP, _ZLIB = 31, 15  # window bits of zlib's decompressor
_PIECE = 1 << 20
_HEADER_ENDS = (b"\n\n", b"\r\n\r\n")


def has_sound_checksum(path: Path, kind: str, byte_budget: int) -> bool:
    """Whether a file carries a checksum over its pixels, and it is right.

    PNG (CRC-32 of each chunk, Adler-32 of the samples), gzip (CRC-32 and length) in NRRD and NIfTI, zlib (Adler-32) in
    MetaImage. False for files without one.

    Parameters
    ----------
    path : Path
    kind : str
        As :func:`~.reader.file_kind` names it.
    byte_budget : int
        Larger contents are not looked through.

    Raises
    ------
    UnreadableImageError
        When a checksum is wrong.
    """
    if kind == "PNG":
        return _is_sound(kind, _png_samples(path), _ZLIB, byte_budget)
    if kind not in ("NRRD", "MetaImage", "NIfTI"):
        return False
    data_path, is_packed = data_file(path, kind)
    if not is_packed:
        return False
    with data_path.open("rb") as file:
        if kind == "NRRD" and data_path == path:
            head = file.read(_PIECE)
            ends = [head.index(end) + len(end) for end in _HEADER_ENDS if end in head]
            file.seek(min(ends, default=0))
        elif kind == "MetaImage" and data_path == path:
            head = file.read(_PIECE)
            file.seek(head.index(b"\n", head.index(b"ElementDataFile")) + 1)
        window = _ZLIB if kind == "MetaImage" else _GZIP
        start = file.read(2)
        if start != b"\x1f\x8b" and window == _GZIP:  # text and bzip2 are packed in other ways
            return False
        file.seek(-len(start), os.SEEK_CUR)
        return _is_sound(kind, iter(lambda: file.read(_PIECE), b""), window, byte_budget)


def _is_sound(kind: str, packed: Iterator[bytes], window: int, byte_budget: int) -> bool:
    unpacker = zlib.decompressobj(window)
    total = 0
    try:
        for piece in packed:
            while piece and not unpacker.eof:
                total += len(unpacker.decompress(piece, _PIECE))
                piece = unpacker.unconsumed_tail
                if total > 2 * byte_budget:
                    return False
    except zlib.error:
        raise _damaged(kind) from None
    if not unpacker.eof:
        raise _damaged(kind)
    return True


def _png_samples(path: Path) -> Iterator[bytes]:
    """The packed samples of a PNG file, chunk after chunk, each of whose checksums is right."""
    with path.open("rb") as file:
        file.seek(_PNG_SIGNATURE)
        while len(head := file.read(8)) == 8:
            length, name = int.from_bytes(head[:4], "big"), head[4:]
            content, checksum = file.read(length), file.read(4)
            is_critical = name[:1].isupper()
            if is_critical and zlib.crc32(name + content) != int.from_bytes(checksum, "big"):
                raise _damaged("PNG")
            if name == b"IDAT":
                yield content
            if name == b"IEND":
                return


def _damaged(kind: str) -> UnreadableImageError:
    return UnreadableImageError(
        f"A checksum of the {kind} file is wrong: its content has changed since it was written; please get it again."
    )


@contextmanager
def decoder_messages() -> Iterator[list[str]]:
    """Collect what decoders written in C and C++ print on the standard error stream, instead of printing it.

    The list is filled when the context ends; it stays empty where the process has no such stream.
    """
    messages: list[str] = []
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as heard:
        try:
            stream = os.dup(2)
        except OSError:  # a program without a console
            yield messages
            return
        os.dup2(heard.fileno(), 2)
        try:
            yield messages
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            heard.seek(0)
            messages += [line for line in heard.read(_PIECE).decode("utf-8", "replace").splitlines() if line.strip()]
