"""How results show themselves in a notebook: a heading, facts, a small table and a small picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_PX = 220
_MOST_ROWS = 12


def card(
    title: str,
    facts: Iterable[str] = (),
    table: pd.DataFrame | None = None,
    picture: NDArray[np.uint8] | None = None,
    warnings: Iterable[Any] = (),
) -> str:
    """One result as HTML.

    Parameters
    ----------
    title : str
    facts : iterable of str
        Short lines.
    table : DataFrame, optional
        Its first rows are shown.
    picture : uint8 array, shape (rows, columns) or (rows, columns, 3), optional
        As :func:`small` makes it.
    warnings : iterable of WarningRecord
    """
    parts = [f"<b>{html.escape(title)}</b>", *(html.escape(fact) for fact in facts)]
    parts += [f"⚠ {html.escape(warning.message)}" for warning in warnings]
    text = "<br>".join(parts)
    if table is not None and len(table):
        text += table.head(_MOST_ROWS).to_html(index=False, border=0, na_rep="–", float_format="{:.3g}".format)
        if len(table) > _MOST_ROWS:
            text += f"… {len(table) - _MOST_ROWS} more"
    if picture is None:
        return f"<div>{text}</div>"
    image = f'<img alt="{html.escape(title)}" src="data:image/png;base64,{_png(picture)}">'
    return f'<div style="display: flex; gap: 1em; align-items: flex-start">{image}<div>{text}</div></div>'


def small(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """An image in gray, a few hundred pixels large, from the darkest to nearly the brightest percent of its values."""
    step = max(1, -(-max(values.shape[:2]) // _LARGEST_PX))
    shown = np.asarray(values[::step, ::step], np.float64)
    known = np.isfinite(shown) if valid is None else np.isfinite(shown) & valid[::step, ::step]
    if not known.any():
        return np.zeros(shown.shape, np.uint8)
    low, high = np.percentile(shown[known], (1.0, 99.5))
    scaled = (np.nan_to_num(shown, nan=low) - low) / max(high - low, 1e-12)
    return np.where(known, 255 * np.clip(scaled, 0, 1), 0).astype(np.uint8)


def dots(shape: Sequence[int], box: Sequence[int], rows: Any, columns: Any) -> NDArray[np.uint8]:
    """Where things lie in an image: white dots, the breast's box in gray on black."""
    step = max(1, -(-max(shape) // _LARGEST_PX))
    drawn = np.zeros([-(-length // step) for length in shape], np.uint8)
    top, bottom, left, right = (int(edge) // step for edge in box)
    drawn[top:bottom, left:right] = 60
    for row, column in zip(np.asarray(rows, int) // step, np.asarray(columns, int) // step, strict=True):
        drawn[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 255
    return drawn


def _png(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
