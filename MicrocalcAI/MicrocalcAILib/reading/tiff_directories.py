"""The directories of a TIFF file, followed before a library follows them: they may lead in a circle."""

from __future__ import annotations

import struct
from pathlib import Path

from ..base.errors import UnreadableImageError

_MOST_DIRECTORIES = 1000
_MOST_ENTRIES = 4096


def check_tiff_directories(path: Path) -> None:
    """Refuse a TIFF file whose directories lead in a circle, out of the file, or on and on.

    Both forms are known: classic (TIFF 6.0, section 2) and BigTIFF, in both byte orders.

    Raises
    ------
    UnreadableImageError
    """
    seen: set[int] = set()
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        is_big = head[2:4] in (b"+\0", b"\0+")
        count_form, offset_form, entry_bytes = (
            (f"{order}Q", f"{order}Q", 20) if is_big else (f"{order}H", f"{order}L", 12)
        )
        try:
            offset = struct.unpack_from(offset_form, head, 8 if is_big else 4)[0]
            while offset:
                if offset in seen or len(seen) >= _MOST_DIRECTORIES:
                    raise ValueError
                seen.add(offset)
                file.seek(offset)
                entries = struct.unpack(count_form, file.read(struct.calcsize(count_form)))[0]
                if not 1 <= entries <= _MOST_ENTRIES:
                    raise ValueError
                file.seek(entries * entry_bytes, 1)
                offset = struct.unpack(offset_form, file.read(struct.calcsize(offset_form)))[0]
        except (struct.error, ValueError, OverflowError, OSError):
            raise UnreadableImageError("The TIFF file is damaged or cut off; please export it again.") from None
    if not seen:
        raise UnreadableImageError("The TIFF file holds no picture; please export it again.")
