"""Which bits of a stored sample are its value: what the header says, checked against the bits that are really used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from .dicom_values import number

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT_POSITION = 0x0102


class SampleValues(NamedTuple):
    """Values of the samples, the number of bits they use, and warnings where the header said otherwise."""

    values: NDArray[Any]
    bits: int
    warnings: list[WarningRecord]


def values_of_samples(raw: NDArray[Any], header: Dataset) -> SampleValues:
    """Take the values out of unsigned samples of all allocated bits; no value ever wraps.

    * Where High Bit (0028,0102) is above Bits Stored − 1 and the bits below the value are empty, the value is shifted
      down, as DICOM PS3.5 8.1.1 defined it before High Bit was fixed.
    * Bits above the value that an embedded overlay (60xx,0102) owns, or that do not continue the value, are dropped;
      the latter with a warning.
    * Values that need more bits than Bits Stored (0028,0101) keep all of them, with a warning.

    Parameters
    ----------
    raw : unsigned integer array
    header : Dataset
        With Bits Stored and Pixel Representation (0028,0103); 1 means two's complement.

    Returns
    -------
    SampleValues
        Unsigned, or signed integers of the same size.
    """
    stored, signed = int(header.BitsStored), bool(int(header.PixelRepresentation))
    capacity = raw.dtype.itemsize * 8
    stored = min(stored, capacity)
    warnings: list[WarningRecord] = []

    used = int(np.bitwise_or.reduce(raw, axis=None))
    high_bit = number(header, "HighBit")
    shift = 0 if high_bit is None else int(high_bit) - (stored - 1)
    if shift != 0 and used:
        if 0 < shift <= capacity - stored and not used & ((1 << shift) - 1):
            raw = raw >> shift
            used >>= shift
        else:
            warnings.append(
                WarningRecord(
                    "high-bit-contradiction",
                    "The file's High Bit does not fit its pixel values, which were read from the lowest bit on.",
                )
            )

    overlays = sum(1 << bit for bit in _overlay_bits(header) if stored <= bit < capacity)
    if used & overlays:
        raw = raw & raw.dtype.type(((1 << capacity) - 1) & ~overlays)
        used &= ~overlays
    if signed:
        return _signed(raw, stored, warnings)
    if beyond := used >> stored:
        if beyond & (beyond + 1) == 0 and not _is_constant(raw >> stored):  # the bits next to the value, without a gap
            stored += beyond.bit_length()
            warnings.append(_wider(stored, int(header.BitsStored)))
        else:
            raw = raw & raw.dtype.type((1 << stored) - 1)
            warnings.append(
                WarningRecord(
                    "unused-bits-set",
                    f"Bits above the {stored} that the file says it uses are set and do not continue the gray values; "
                    "they were left out.",
                )
            )
    return SampleValues(raw, stored, warnings)


def _signed(raw: NDArray[Any], stored: int, warnings: list[WarningRecord]) -> SampleValues:
    capacity = raw.dtype.itemsize * 8
    whole = raw.view(f"i{raw.dtype.itemsize}")
    rest = raw >> stored if stored < capacity else np.zeros_like(raw)
    values = (whole << (capacity - stored)) >> (capacity - stored)  # sign extension
    extended = (whole >> stored) == (values >> stored) if stored < capacity else np.ones(raw.shape, bool)
    if not (extended | (rest == 0)).all():
        warnings.append(_wider(capacity, stored))
        return SampleValues(whole, capacity, warnings)
    return SampleValues(values, stored, warnings)


def _wider(bits: int, stated: int) -> WarningRecord:
    return WarningRecord(
        "values-exceed-bits-stored",
        f"The file says that its values have {stated} bits, but they have {bits}; the values were followed, please "
        "check the picture.",
    )


def _overlay_bits(header: Dataset) -> list[int]:
    found = []
    for group in _OVERLAY_GROUPS:
        element = header.get((group, _OVERLAY_BIT_POSITION))
        if element is not None and isinstance(element.value, int) and element.value > 0:
            found.append(element.value)
    return found


def _is_constant(values: NDArray[Any]) -> bool:
    return bool(values.min() == values.max())
