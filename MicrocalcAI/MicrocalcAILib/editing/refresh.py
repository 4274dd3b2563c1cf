"""Tables and words after an edit: new rows for what was touched, the rest as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..analysis import SINGLES
from ..base.errors import WarningRecord
from ..base.progress import Progress, no_progress
from ..classification.description import DescriptionModels, describe
from ..features import FeatureSettings
from ..segmentation.tables import MACHINE, REPORTED_MEASUREMENTS, calcification_geometry, cluster_columns
from .specks import SpeckFinder

Places = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows, columns
Columns = dict[str, NDArray[Any]]  # a table as arrays: the tables follow every mark, and pandas takes ten times as long

READER, EDITED = "reader", "edited"  # ``source`` of calcifications that a reader drew, or whose outline was changed
_BOX = ("row_min", "row_max", "column_min", "column_max")
_GEOMETRY = ("row", "column", *_BOX, "area_mm2")


@dataclass(frozen=True)
class Findings:
    """What is known about the calcifications of a mammogram, as an analysis has it.

    Parameters
    ----------
    calcifications, clusters : dict of arrays
        Columns of the tables of :class:`~MicrocalcAILib.analysis.Analysis`. ``source`` says where a calcification
        comes from: ``machine``, ``reader``, or ``edited`` (found by the machine, outline changed by the reader). The
        ids of clusters need not be consecutive.
    words : tuple of dict
        Per described cluster the record of its words.
    """

    calcifications: Columns
    clusters: Columns
    words: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of_tables(
        cls, calcifications: pd.DataFrame, clusters: pd.DataFrame, words: tuple[dict[str, Any], ...] = ()
    ) -> Findings:
        """Findings that are given as tables."""
        return cls(_columns(calcifications), _columns(clusters), words)

    @property
    def calcification_table(self) -> pd.DataFrame:
        """The table of calcifications."""
        return pd.DataFrame(self.calcifications)

    @property
    def cluster_table(self) -> pd.DataFrame:
        """The table of clusters."""
        return pd.DataFrame(self.clusters)


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
    nothing = np.empty(0)
    before = before or Findings(dict.fromkeys(("id", "cluster_id", *_GEOMETRY), nothing), {"id": nothing})
    rows, changed = _calcification_rows(finder, labels, before.calcifications, places, cluster_ids)
    touched = _touched_clusters(rows, before.calcifications, changed, finder.mammogram.spacing_mm)
    numbers = set(rows["cluster_id"].tolist()) - {SINGLES}
    touched |= set(again) & numbers
    kept = _chosen(before.clusters, [number in numbers - touched for number in before.clusters["id"].tolist()])
    fresh = _cluster_rows(rows, sorted(touched), finder.mammogram.spacing_mm)
    kept_ids = set(kept["id"].tolist())
    words = [record for record in before.words if record["cluster_id"] in kept_ids]
    warnings: tuple[WarningRecord, ...] = ()
    if models is not None and touched:
        fresh, records, warnings = _described(finder, labels, rows, fresh, models, progress)
        words = sorted([*words, *records], key=lambda record: int(record["cluster_id"]))
    return Refreshed(Findings(rows, _stacked(kept, fresh), tuple(words)), tuple(sorted(touched)), warnings)


def _calcification_rows(
    finder: SpeckFinder,
    labels: NDArray[np.int32],
    before: Columns,
    places: Places | None,
    cluster_ids: Mapping[int, int],
) -> tuple[Columns, NDArray[np.bool_]]:
    """A row for each calcification of the label map, and which of them are new or changed."""
    geometry = calcification_geometry(labels, finder.mammogram, finder.breast, places)
    ids = geometry.pop("id")
    place = {identifier: index for index, identifier in enumerate(before["id"].tolist())}
    position = np.array([place.get(identifier, -1) for identifier in ids.tolist()], np.intp)
    known = {name: _at(values, position) for name, values in before.items()}
    changed = np.zeros(len(ids), np.bool_)
    for name in _GEOMETRY:  # what was not known is not close to anything
        changed |= ~(np.abs(known[name].astype(np.float64) - geometry[name]) <= 1e-6)
    anew = finder.measure_outlines(labels, pd.DataFrame({"id": ids} | {name: geometry[name] for name in _BOX})[changed])
    measured: Columns = {}
    for name in (*REPORTED_MEASUREMENTS, "probability"):
        measured[name] = known[name].astype(np.float64) if name in known else np.full(len(ids), np.nan)
        measured[name][changed] = anew[name].to_numpy()
    was_known = ~np.isnan(known["row"].astype(np.float64))
    source = known.get("source", np.full(len(ids), MACHINE, object)).astype(object)
    source[pd.isna(source)] = MACHINE
    source[was_known & changed & (source == MACHINE)] = EDITED
    source[~was_known] = READER
    numbers = np.array([cluster_ids[identifier] for identifier in ids.tolist()], np.int64)
    in_muscle = geometry.pop("in_pectoral_muscle")
    columns = {"id": ids, "cluster_id": numbers} | geometry | measured
    columns |= {"in_pectoral_muscle": in_muscle, "source": source}
    return columns | {name: values for name, values in known.items() if name not in columns}, changed


def _touched_clusters(
    rows: Columns, before: Columns, changed: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> set[int]:
    """Clusters whose members changed, or near whose members something changed."""
    was, now = (dict(zip(table["id"].tolist(), table["cluster_id"].tolist(), strict=True)) for table in (before, rows))
    anew = set(rows["id"][changed].tolist())
    moved = {key for key in was.keys() | now.keys() if key in anew or was.get(key) != now.get(key)}
    touched = {owner[key] for key in moved for owner in (was, now) if key in owner}
    # only pixels count here: a calcification that changes its cluster looks the same to its neighbors
    is_gone = np.array([key in anew or key not in now for key in was], np.bool_)
    places = np.concatenate([_boxes(before)[is_gone], _boxes(rows)[changed]])
    down, across = (np.ceil(FeatureSettings().surroundings_mm / length) + 1 for length in spacing_mm)
    top, bottom, left, right = _boxes(rows).T
    owners = rows["cluster_id"]
    for first, last, leftmost, rightmost in places:
        is_near = (top <= last + down) & (bottom >= first - down)
        is_near &= (left <= rightmost + across) & (right >= leftmost - across)
        touched |= set(owners[is_near].tolist())
    return {int(cluster) for cluster in touched & set(now.values())} - {SINGLES}


def _columns(table: pd.DataFrame) -> Columns:
    return {str(name): values.to_numpy() for name, values in table.items()}


def _boxes(table: Columns) -> NDArray[np.float64]:
    return np.column_stack([table[name].astype(np.float64) for name in _BOX])


def _chosen(table: Columns, rows: ArrayLike) -> Columns:
    chosen = np.asarray(rows, np.bool_)
    return {name: values[chosen] for name, values in table.items()}


def _at(values: NDArray[Any], position: NDArray[np.intp]) -> NDArray[Any]:
    """Values of some rows; NaN where the position is negative."""
    if (position >= 0).all():
        return values[position]
    found = np.full(len(position), np.nan, np.float64 if values.dtype.kind in "iuf" else object)
    found[position >= 0] = values[position[position >= 0]]
    return found


def _cluster_rows(rows: Columns, numbers: list[int], spacing_mm: tuple[float, float]) -> Columns:
    """The rows of some clusters."""
    own = _chosen(rows, np.isin(rows["cluster_id"], numbers))
    own["cluster_id"] = np.searchsorted(numbers, own["cluster_id"]) + 1
    table = cluster_columns(own, spacing_mm)
    names = np.array([f"Cluster {number}" for number in numbers], object)
    return table | {"id": np.array(numbers, np.int64), "name": names}


def _described(
    finder: SpeckFinder,
    labels: NDArray[np.int32],
    rows: Columns,
    clusters: Columns,
    models: DescriptionModels,
    progress: Progress,
) -> tuple[Columns, list[dict[str, Any]], tuple[WarningRecord, ...]]:
    """Some of the clusters, described; all other calcifications are their surroundings."""
    notes: tuple[WarningRecord, ...] = ()
    if models.classifier is not None and any(
        name.startswith("deep_") for name in models.classifier.preparation.features
    ):
        models = replace(models, classifier=None)
        message = "Edited clusters have no estimate by the features, which needs a network; analyze the image again."
        notes = (WarningRecord("edited-without-network", message),)
    numbers = np.where(np.isin(rows["cluster_id"], clusters["id"]), rows["cluster_id"], SINGLES)
    chosen = Findings(rows | {"cluster_id": numbers}, clusters)
    image = finder.mammogram, finder.breast, labels
    tables = chosen.calcification_table, chosen.cluster_table
    described = describe(*image, *tables, models, progress=progress, nipple=finder.nipple)
    return _columns(described.clusters), described.records, (*described.warnings, *notes)


def _stacked(kept: Columns, fresh: Columns) -> Columns:
    """Both tables together in the order of their ids, columns as before and then the new ones; texts may be empty."""
    counts = [len(table["id"]) for table in (kept, fresh)]
    order = np.argsort(np.concatenate([table["id"].astype(np.int64) for table in (kept, fresh)]), kind="stable")
    stacked = {}
    for name in dict.fromkeys((*kept, *fresh)):
        given = [table.get(name) for table in (kept, fresh)]
        typical = [values for values in given if values is not None]
        typical = [values for values in typical if len(values)] or typical  # a table without rows has no types
        is_text = any(values.dtype.kind not in "biuf" for values in typical)
        missing, kind = ("", object) if is_text else (np.nan, np.float64)
        parts = [
            np.full(count, missing, kind) if values is None else values.astype(object if is_text else values.dtype)
            for count, values in zip(counts, given, strict=True)
        ]
        values = np.concatenate([part for part in parts if len(part)] or parts[:1])
        if is_text:
            values[pd.isna(values)] = ""
        stacked[name] = values[order]
    return stacked
