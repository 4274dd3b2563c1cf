"""Tables and words after an edit: new rows for what was touched, the rest as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis import SINGLES
from ..base.errors import WarningRecord
from ..base.progress import Progress, no_progress
from ..classification.description import DescriptionModels, describe
from ..features import FeatureSettings
from ..segmentation.tables import MACHINE, describe_calcifications, describe_clusters
from .specks import SpeckFinder

Places = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows, columns

READER, EDITED = "reader", "edited"  # ``source`` of calcifications that a reader drew, or whose outline was changed
_GEOMETRY = ("row", "column", "row_min", "row_max", "column_min", "column_max", "area_mm2")


@dataclass(frozen=True)
class Findings:
    """What is known about the calcifications of a mammogram, as an analysis has it.

    Parameters
    ----------
    calcifications, clusters : DataFrame
        As in :class:`~MicrocalcAILib.analysis.Analysis`. ``source`` says where a calcification comes from:
        ``machine``, ``reader``, or ``edited`` (found by the machine, outline changed by the reader). The ids of
        clusters need not be consecutive.
    words : tuple of dict
        Per described cluster the record of its words.
    """

    calcifications: pd.DataFrame
    clusters: pd.DataFrame
    words: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Refreshed:
    """Findings after an edit.

    Parameters
    ----------
    findings : Findings
    touched : tuple of int
        Clusters that were described anew; the rows and words of all others are as they were.
    warnings : tuple of WarningRecord
    """

    findings: Findings
    touched: tuple[int, ...]
    warnings: tuple[WarningRecord, ...] = ()


def refresh(
    finder: SpeckFinder,
    labels: NDArray[np.int32],
    cluster_ids: Mapping[int, int],
    before: Findings | None = None,
    models: DescriptionModels | None = None,
    progress: Progress = no_progress,
    places: Places | None = None,
    again: Collection[int] = (),
) -> Refreshed:
    """Bring the findings in step with an edited label map.

    Rows of calcifications whose outline did not change stay. A cluster is described anew when its members or their
    outlines changed, or something near them did; its words and estimates are those of a fresh description.

    Parameters
    ----------
    finder : SpeckFinder
        Of this mammogram.
    labels : int32 array, shape (rows, columns)
        0, or the id of a calcification.
    cluster_ids : mapping
        Id of each calcification of ``labels`` to that of its cluster; 0: single.
    before : Findings, optional
        Without it everything is new and comes from the reader.
    models : DescriptionModels, optional
        Without them clusters are only counted and measured.
    progress : callable, optional
    places : (rows, columns), optional
        Where ``labels`` is not 0, when that is known: a large image need not be looked through.
    again : collection of int
        Clusters that are described anew whether something changed or not.
    """
    before = before or Findings(pd.DataFrame(columns=["id", "cluster_id", *_GEOMETRY]), pd.DataFrame(columns=["id"]))
    rows, changed = _calcification_rows(finder, labels, before.calcifications, places)
    rows.insert(1, "cluster_id", rows["id"].map(dict(cluster_ids)).astype(np.int64))
    touched = _touched_clusters(rows, before.calcifications, changed, finder.mammogram.spacing_mm)
    touched |= set(again) & set(rows["cluster_id"].tolist())
    clusters = _cluster_rows(rows, finder.mammogram.spacing_mm)
    untouched = ~clusters["id"].isin(touched)
    kept = before.clusters[before.clusters["id"].isin(clusters.loc[untouched, "id"])]
    fresh = clusters[~untouched]
    words = [record for record in before.words if record["cluster_id"] in set(kept["id"])]
    warnings: tuple[WarningRecord, ...] = ()
    if models is not None and len(fresh):
        fresh, records, warnings = _described(finder, labels, rows, fresh, models, progress)
        words = sorted([*words, *records], key=lambda record: int(record["cluster_id"]))
    table = _stacked(kept, fresh, before.clusters.columns).sort_values("id", ignore_index=True)
    return Refreshed(Findings(rows, table, tuple(words)), tuple(sorted(touched)), warnings)


def _calcification_rows(
    finder: SpeckFinder, labels: NDArray[np.int32], before: pd.DataFrame, places: Places | None
) -> tuple[pd.DataFrame, set[int]]:
    """A row for each calcification of the label map, and the ids of those that are new or changed."""
    mammogram, breast = finder.mammogram, finder.breast
    reported = ["contrast_to_noise", "response", "edge_distance_mm", "probability"]
    own_rows, own_columns = np.nonzero(labels) if places is None else places
    blank = pd.DataFrame(np.nan, index=np.unique(labels[own_rows, own_columns]), columns=reported)
    probabilities = blank["probability"].to_numpy()
    rows = describe_calcifications(labels, mammogram, breast, blank, probabilities, (own_rows, own_columns))
    known = before.set_index("id").reindex(rows["id"])
    same = np.ones(len(rows), np.bool_)
    for name in _GEOMETRY:
        same &= np.isclose(known[name].astype(np.float64), rows[name], rtol=0, atol=1e-6)
    changed = rows.loc[~same]
    measured = finder.measure_outlines(labels, changed)
    for name in reported:
        values = known[name].to_numpy(np.float64, copy=True) if name in known else np.full(len(rows), np.nan)
        values[~same] = measured[name].to_numpy(np.float64)
        rows[name] = values
    was_known = known["row"].notna().to_numpy()
    source = known["source"].fillna(MACHINE).to_numpy(object) if "source" in known else np.full(len(rows), MACHINE)
    source = np.where(was_known & ~same & (source == MACHINE), EDITED, source)
    rows["source"] = np.where(was_known, source, READER)
    for name in known.columns.difference([*rows.columns, "cluster_id"], sort=False):
        rows[name] = known[name].to_numpy()
    return rows, set(changed["id"].tolist())


def _touched_clusters(
    rows: pd.DataFrame, before: pd.DataFrame, changed: set[int], spacing_mm: tuple[float, float]
) -> set[int]:
    """Clusters whose members changed, or near whose members something changed."""
    was = before.set_index("id")["cluster_id"].to_dict()
    now = rows.set_index("id")["cluster_id"].to_dict()
    moved = {key for key in was.keys() | now.keys() if key in changed or was.get(key) != now.get(key)}
    touched = {owner[key] for key in moved for owner in (was, now) if key in owner}
    # only pixels count here: a calcification that changes its cluster looks the same to its neighbors
    gone = before[before["id"].isin(changed | (was.keys() - now.keys()))]
    places = pd.concat([gone, rows[rows["id"].isin(changed)]])[list(_GEOMETRY)].to_numpy(np.float64)
    down, across = (np.ceil(FeatureSettings().surroundings_mm / length) + 1 for length in spacing_mm)
    top, bottom, left, right = rows[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.float64).T
    owners = rows["cluster_id"].to_numpy()
    for _, _, first, last, leftmost, rightmost, _ in places:
        is_near = (top <= last + down) & (bottom >= first - down)
        is_near &= (left <= rightmost + across) & (right >= leftmost - across)
        touched |= set(owners[is_near].tolist())
    return {int(cluster) for cluster in touched if cluster in set(now.values())} - {SINGLES}


def _cluster_rows(rows: pd.DataFrame, spacing_mm: tuple[float, float]) -> pd.DataFrame:
    """The table of clusters; ids may have gaps."""
    ids = np.unique(rows.loc[rows["cluster_id"] != SINGLES, "cluster_id"].to_numpy(np.int64))
    consecutive = rows.assign(cluster_id=rows["cluster_id"].map({old: new for new, old in enumerate(ids, start=1)}))
    table = describe_clusters(consecutive.fillna({"cluster_id": SINGLES}), spacing_mm)
    return table.assign(id=ids, name=[f"Cluster {number}" for number in ids])


def _described(
    finder: SpeckFinder,
    labels: NDArray[np.int32],
    rows: pd.DataFrame,
    clusters: pd.DataFrame,
    models: DescriptionModels,
    progress: Progress,
) -> tuple[pd.DataFrame, list[dict[str, Any]], tuple[WarningRecord, ...]]:
    """Some of the clusters, described; all other calcifications are their surroundings."""
    notes: tuple[WarningRecord, ...] = ()
    if models.classifier is not None and any(
        name.startswith("deep_") for name in models.classifier.preparation.features
    ):
        models = replace(models, classifier=None)
        message = "Edited clusters have no estimate by the features, which needs a network; analyze the image again."
        notes = (WarningRecord("edited-without-network", message),)
    chosen = rows.assign(cluster_id=rows["cluster_id"].where(rows["cluster_id"].isin(clusters["id"]), SINGLES))
    image = finder.mammogram, finder.breast, labels
    described = describe(*image, chosen, clusters, models, progress=progress, nipple=finder.nipple)
    return described.clusters, described.records, (*described.warnings, *notes)


def _stacked(kept: pd.DataFrame, fresh: pd.DataFrame, columns: pd.Index) -> pd.DataFrame:
    """Both tables together, columns as before and then the new ones; what is not known of the new rows is empty."""
    if kept.empty or fresh.empty:
        table = fresh if kept.empty else kept
    else:
        table = pd.concat([kept, fresh], ignore_index=True)
    table = table.reindex(columns=[*columns, *table.columns.difference(columns, sort=False)])
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    return table.fillna(dict.fromkeys(texts, ""))
