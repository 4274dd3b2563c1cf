"""Arrays of numbers as programs of research write them: NumPy (.npy), MATLAB (.mat, up to version 7.2) and CSV."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError, UnreadableImageError, UnsupportedImageError

SUFFIXES = (".npy", ".mat", ".csv")
_LARGEST_CSV_BYTES = 1 << 27


def is_array_file(path: Path) -> bool:
    """Whether a file's name says that it holds an array."""
    return path.suffix.lower() in SUFFIXES


def read_array(path: Path, byte_budget: int) -> NDArray[np.float64]:
    """The array of a file, shape (rows, columns) or (frames, rows, columns).

    Nothing in the file is run: NumPy files with Python objects are refused.

    Parameters
    ----------
    path : Path
    byte_budget : int
        Largest memory.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError, ParameterError
    """
    readers = {".npy": _numpy, ".mat": _matlab, ".csv": _text}
    try:
        found = readers[path.suffix.lower()](path, byte_budget)
    except MicrocalcError:
        raise
    except Exception as error:  # SciPy meets damage with exceptions of many kinds
        raise UnreadableImageError(
            f"The {path.suffix.lower()} file cannot be read as an array of numbers; save it again."
        ) from error
    if found.dtype.kind not in "biuf" or found.ndim not in (2, 3) or not found.size:
        raise UnsupportedImageError("The file holds no array of numbers with rows and columns.")
    return found.astype(np.float64)


def _numpy(path: Path, byte_budget: int) -> NDArray[np.generic]:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    _check(mapped.size, byte_budget)
    return np.array(mapped)


def _matlab(path: Path, byte_budget: int) -> NDArray[np.generic]:
    from scipy.io import loadmat, whosmat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numeric = [
            (name, shape) for name, shape, kind in whosmat(path)
            if kind in ("double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32")
            and len(shape) in (2, 3) and min(shape) > 1
        ]  # fmt: skip
        if len(numeric) != 1:
            names = ", ".join(name for name, _ in numeric) or "none"
            raise ParameterError(f"The MATLAB file has to hold one array; it holds {names}. Save the one alone.")
        name, shape = numeric[0]
        _check(int(np.prod(shape)), byte_budget)
        loaded: NDArray[np.generic] = loadmat(path, variable_names=[name])[name]
    return loaded


def _text(path: Path, byte_budget: int) -> NDArray[np.generic]:
    if path.stat().st_size > min(byte_budget, _LARGEST_CSV_BYTES):
        raise UnreadableImageError("The CSV file is too large for a map; save it as .npy.")
    text = path.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in "\t;," if mark in first), None)
    if delimiter == ";":
        text = text.replace(",", ".")
    rows = [[_number(cell) for cell in line.split(delimiter)] for line in text.splitlines() if line.strip()]
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows of different length")
    return np.array(rows, dtype=np.float64)


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else np.nan


def _check(values: int, byte_budget: int) -> None:
    if 8 * values > byte_budget:
        raise UnreadableImageError("The array is larger than the memory that may be used for one file.")
