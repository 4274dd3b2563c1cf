"""Two readers, consensus, and one row per lesion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..cohort.readings import is_consensus, one_value_per_lesion
from ..protocol import repeat_spread
from .reading import (
    AT_LEAST,
    HIGH_ENDS,
    KEY_COLUMNS,
    LOW_ENDS,
    QUANTITY_COLUMNS,
    SPEED_COLUMNS,
    VOLUME_COLUMNS,
    WORD_COLUMNS,
    variable_of,
)
from .table import DECIMALS

CONSENSUS = "consensus"
"""Reader of the agreed third reading; it replaces the mean of the readers."""
LARGEST_DISCREPANCY = 0.20
_COMPARED = ("elasticity_mean_kpa", "elasticity_max_kpa", "strain_ratio", "stiffness_ratio")


@dataclass(frozen=True)
class Agreement:
    """Two or more readers on one quantity of one lesion.

    Parameters
    ----------
    quantity : str
        Column of the table.
    readers : dict of str to float
        Mean of each reader's repeats; without the consensus reading.
    consensus : float or None
        The agreed third reading.
    discrepancy : float or None
        (largest − smallest) / mean of the readers; None for one reader.
    value : float
        The consensus, else the mean of the readers.
    status : str
        ``one reader``, ``agreed``, ``needs consensus`` or ``settled by consensus``.
    """

    quantity: str
    readers: dict[str, float]
    consensus: float | None
    discrepancy: float | None
    value: float
    status: str


def agreement(table: pd.DataFrame, quantity: str, largest_discrepancy: float = LARGEST_DISCREPANCY) -> Agreement | None:
    """How the readers of one lesion agree on a quantity.

    Parameters
    ----------
    table : DataFrame
        Readings of one lesion.
    quantity : str
        Column.
    largest_discrepancy : float
        Share of the readers' mean above which a consensus is needed (Yan & Fang 2025: 20 %).

    Returns
    -------
    Agreement or None
        None when nobody measured it.
    """
    measured = table[table[quantity].notna()]
    if measured.empty:
        return None
    means = measured.groupby("reader", sort=False)[quantity].mean()
    agreed = is_consensus(pd.Series(means.index, index=means.index).astype(str))
    readers = {str(reader): float(value) for reader, value in means[~agreed].items()}
    consensus = float(means[agreed].mean()) if agreed.any() else None
    mean = float(np.mean(list(readers.values()))) if readers else None
    discrepancy = None
    if len(readers) > 1 and mean is not None:
        difference = max(readers.values()) - min(readers.values())
        discrepancy = difference / mean if difference else 0.0
    if consensus is not None:
        status = "settled by consensus"
    elif discrepancy is None:
        status = "one reader"
    else:
        status = "needs consensus" if discrepancy > largest_discrepancy else "agreed"
    value = consensus if consensus is not None else mean
    assert value is not None
    return Agreement(quantity, readers, consensus, discrepancy, value, status)


def one_row_per_lesion(table: pd.DataFrame, largest_discrepancy: float = LARGEST_DISCREPANCY) -> pd.DataFrame:
    """One row per lesion: mean over each reader's repeats, then over readers; a consensus reading replaces the mean.

    Returns
    -------
    DataFrame
        ``lesion``, ``patient``, ``outcome``, the quantities, the doubts of all readings (largest saturated share,
        smallest share of the box inside, bound, codes of warnings), shear-wave speeds, words (“soft / hard” where
        readings differ), profiles of scanners, and: ``readers`` (without consensus),
        ``acquisitions``, ``largest_spread_percent`` (interquartile range / median of a reader's repeats),
        ``discrepancy_percent`` and ``discrepancy_of`` (quantity on which the readers differ most), ``agreement`` (as in
        `Agreement`).
    """
    names = list(QUANTITY_COLUMNS)
    variables = tuple(variable_of(name) for name in names)
    values = one_value_per_lesion(table[[*KEY_COLUMNS, *names]], variables, [])
    rows = []
    for lesion, own in table.groupby("lesion", sort=False):
        found = [result for name in _COMPARED if (result := agreement(own, name, largest_discrepancy)) is not None]
        apart = max(
            (result for result in found if result.discrepancy is not None),
            key=lambda result: result.discrepancy or 0.0,
            default=None,
        )
        statuses = {result.status for result in found}
        row: dict[Any, Any] = {
            "lesion": lesion,
            "patient": _first_text(own["patient"]),
            "outcome": _first_text(own["outcome"]),
            **values.loc[lesion].round(DECIMALS).to_dict(),
            # The worst of its readings: a doubt about one is a doubt about their mean.
            "saturated_percent": own["saturated_percent"].max(),
            "roi_inside_percent": own["roi_inside_percent"].min(),
            # The widest that any of them leaves possible.
            **own[list(LOW_ENDS)].min().to_dict(),
            **own[list(HIGH_ENDS)].max().to_dict(),
            **{name: _mean_of(own, name) for name in (*SPEED_COLUMNS, *VOLUME_COLUMNS)},
            **{name: _words_of(own, name) for name in (*WORD_COLUMNS, "profile")},
            "bound": AT_LEAST if (own["bound"] == AT_LEAST).any() else "",
            "warnings": " ".join(dict.fromkeys(" ".join(own["warnings"] + " " + own["protocol_warnings"]).split())),
            "readers": int((~is_consensus(own["reader"].drop_duplicates())).sum()),
            "acquisitions": len(own),
            "largest_spread_percent": _largest_spread_percent(own),
            "discrepancy_percent": round(100.0 * apart.discrepancy, 1)
            if apart and apart.discrepancy is not None
            else None,
            "discrepancy_of": apart.quantity if apart else "",
            "agreement": next((status for status in _WORST_FIRST if status in statuses), ""),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _mean_of(own: pd.DataFrame, name: str) -> float | None:
    found = agreement(own, name)
    return None if found is None else round(found.value, DECIMALS)


def _words_of(own: pd.DataFrame, name: str) -> str:
    """What the readings say, each once; only the consensus where there is one that says something."""
    agreed = own.loc[is_consensus(own["reader"].astype(str)), name]
    said = agreed if agreed.astype(bool).any() else own[name]
    return " / ".join(dict.fromkeys(text for text in said.astype(str) if text))


_WORST_FIRST = ("needs consensus", "settled by consensus", "agreed", "one reader")


def _largest_spread_percent(readings: pd.DataFrame) -> float | None:
    """Largest interquartile range / median of any reader's repeats: of the elasticity, else of the strain ratio."""
    for name in ("elasticity_mean_kpa", "strain_ratio"):
        repeats = [own[name].dropna().tolist() for _, own in readings.groupby("reader")]
        spreads = [repeat_spread(values).relative_interquartile_range for values in repeats if len(values) > 1]
        if known := [spread for spread in spreads if spread is not None]:
            return round(100.0 * max(known), 1)
    return None


def _first_text(column: pd.Series) -> str:
    return next((text for text in column.astype(str) if text), "")
