"""What a reader says about clusters, beside what the machine says: columns of the cluster table, with undo.

Columns (``-`` or NaN where the reader said nothing): ``reader_decision`` (``accepted`` or ``rejected``),
``reader_morphology`` and ``reader_distribution`` (words of the lexicon), ``reader_category`` (the lexicon's, for the
words that hold then), ``reader_risk``, ``reader_risk_low``, ``reader_risk_high`` (probability of malignancy by these
words), ``reader`` (initials), ``reader_time`` (ISO 8601, UTC). The machine's own columns are never changed.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from MicrocalcAILib.base.errors import ResultError
from MicrocalcSlicerShared.nodes import tableRows

if TYPE_CHECKING:  # pandas need not be installed yet
    import pandas as pd

    from MicrocalcAILib.lexicon.describe import ClusterWords

KINDS = ("morphology", "distribution")
UNDECIDED, ACCEPTED, REJECTED = "undecided", "accepted", "rejected"
TEXT_COLUMNS = (
    *("reader_decision", "reader_morphology", "reader_distribution", "reader_category"),
    *("reader", "reader_time"),
)
NUMBER_COLUMNS = ("reader_risk", "reader_risk_low", "reader_risk_high")
RISK_COLUMNS = ("descriptor_risk", "descriptor_risk_low", "descriptor_risk_high")
_NOTHING = "-"  # Slicer's table files do not survive empty first columns


def decision(row: dict[str, Any]) -> str:
    """``undecided``, ``accepted`` or ``rejected``."""
    text = row.get("reader_decision", _NOTHING)
    return UNDECIDED if text == _NOTHING else text


def readerWord(row: dict[str, Any], kind: str) -> str:
    """The reader's own word of this kind; empty when the suggestion stands."""
    text = row.get(f"reader_{kind}", _NOTHING)
    return "" if text == _NOTHING else text


def currentWord(row: dict[str, Any], kind: str) -> str:
    """The reader's word, else the suggested one; empty when there is none."""
    suggested = row.get(kind, _NOTHING)
    return readerWord(row, kind) or ("" if suggested == _NOTHING else suggested)


def currentRisk(row: dict[str, Any]) -> tuple[float, float, float] | None:
    """Probability of malignancy by the words that hold, and its interval.

    None when the model cannot tell, or when the words are typically benign.
    """
    names = NUMBER_COLUMNS if hasReaderWord(row) else RISK_COLUMNS
    values = tuple(row.get(name, float("nan")) for name in names)
    return values if values[0] == values[0] else None


def currentCategory(row: dict[str, Any]) -> str:
    """The category that the lexicon names for the words that hold; information only, empty without a word."""
    text = row.get("reader_category" if hasReaderWord(row) else "lexicon_category", _NOTHING)
    return "" if text == _NOTHING else text


def hasReaderWord(row: dict[str, Any]) -> bool:
    """Whether a reader chose a word of either kind."""
    return any(readerWord(row, kind) for kind in KINDS)


def carriedOver(earlier: list[dict[str, Any]], clusters: pd.DataFrame) -> pd.DataFrame:
    """A new table of clusters with what a reader said about the earlier ones.

    A cluster takes over from the earlier cluster at the same place: each has its center in the other's bounding box.
    What was said about clusters that are no longer there is lost.
    """
    said = _withWords(earlier)
    owners = [
        next((row["id"] for row in said if _holds(row, cluster) and _holds(cluster, row)), None)
        for _, cluster in clusters.iterrows()
    ]
    return clusters.assign(**columnsSaid(said, owners))


def columnsSaid(earlier: list[dict[str, Any]], ids: list) -> dict[str, np.ndarray]:
    """The reader's columns for clusters that take over from the earlier ones with these ids; none without a word."""
    said = {row["id"]: row for row in _withWords(earlier)}
    if not said:
        return {}
    rows = [said.get(identifier, {}) for identifier in ids]
    texts = {name: np.array([row.get(name, _NOTHING) for row in rows], object) for name in TEXT_COLUMNS}
    numbers = {name: np.array([row.get(name, np.nan) for row in rows], float) for name in NUMBER_COLUMNS}
    return texts | numbers


def _withWords(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if any(row.get(name, _NOTHING) != _NOTHING for name in TEXT_COLUMNS)]


class ReaderEdits:
    """A reader's edits of cluster tables, one undo step each."""

    def __init__(self) -> None:
        self._steps: list[tuple] = []  # (table node's ID, cluster, earlier cells, what was done)

    def decide(self, clustersTableNode, clusterId: int, decided: str, reader: str = "") -> None:
        """Accept or reject a cluster, or take that back (``undecided``).

        Raises
        ------
        ResultError
            When the table does not hold the cluster.
        """
        cell = _NOTHING if decided == UNDECIDED else decided
        self._edit(clustersTableNode, clusterId, {"reader_decision": cell}, reader, decided)

    def chooseWord(
        self, clustersTableNode, clusterId: int, kind: str, name: str, words: list[dict], reader: str = ""
    ) -> None:
        """Put the reader's word beside the suggested one; the suggested word itself takes the choice back.

        Parameters
        ----------
        clustersTableNode : vtkMRMLTableNode
        clusterId : int
        kind : {"morphology", "distribution"}
        name : str
            A word of the lexicon.
        words : list of dict
            The records of :func:`.results.wordsOf`; the risk by the words is computed anew from them.
        reader : str
            Initials; may be empty.

        Raises
        ------
        ParameterError
            When the lexicon does not hold the word.
        ResultError
            When the table does not hold the cluster.
        """
        from MicrocalcAILib.lexicon.vocabulary import word

        word(kind, name)
        row = _rowOf(clustersTableNode, clusterId)[1]
        chosen = {each: readerWord(row, each) for each in KINDS} | {kind: "" if name == row.get(kind) else name}
        cells = {f"reader_{each}": chosen[each] or _NOTHING for each in KINDS}
        cells |= dict.fromkeys(NUMBER_COLUMNS, float("nan")) | {"reader_category": _NOTHING}
        if any(chosen.values()):
            cells |= _categoryAndRisk(row, words, chosen)
        self._edit(clustersTableNode, clusterId, cells, reader, f"{kind}: {name}")

    @property
    def last(self) -> str:
        """What :meth:`undo` would take back; empty when there is nothing."""
        return self._steps[-1][-1] if self._steps else ""

    def undo(self) -> None:
        """Take back the last edit; does nothing when there is none or its table is gone."""
        if not self._steps:
            return
        identifier, clusterId, cells, _ = self._steps.pop()
        tableNode = slicer.mrmlScene.GetNodeByID(identifier)
        if tableNode is not None and any(row["id"] == clusterId for row in tableRows(tableNode)):
            _setCells(tableNode, clusterId, cells)

    def forget(self, tableNode=None) -> None:
        """Forget the steps of a table, whose rows were replaced, or all of them."""
        identifier = None if tableNode is None else tableNode.GetID()
        self._steps = [step for step in self._steps if tableNode is not None and step[0] != identifier]

    def _edit(self, tableNode, clusterId: int, cells: dict, reader: str, what: str) -> None:
        row = _rowOf(tableNode, clusterId)[1]
        cells |= {"reader": " ".join(reader.replace('"', "'").split()) or _NOTHING, "reader_time": _now()}
        earlier = {name: row.get(name, _NOTHING if name in TEXT_COLUMNS else float("nan")) for name in cells}
        _setCells(tableNode, clusterId, cells)
        self._steps.append((tableNode.GetID(), clusterId, earlier, f"{row['name']}, {what}"))


def wordsWithChoices(rows: list[dict[str, Any]], words: list[dict]) -> tuple[dict, ...]:
    """The records of the words with the reader's choices in them, as exports have them."""
    from MicrocalcAILib.lexicon.columns import word_record

    records = []
    byId = {row["id"]: row for row in rows}
    for record in words:
        row = byId.get(record["cluster_id"], {})
        chosen = {kind: readerWord(row, kind) for kind in KINDS}
        records.append(word_record(_clusterWords(row, record, chosen)) if any(chosen.values()) else record)
    return tuple(records)


def _categoryAndRisk(row: dict, words: list[dict], chosen: dict[str, str]) -> dict[str, str | float]:
    """The cells that follow from a reader's words; none for a cluster that was not described."""
    from MicrocalcAILib.lexicon.columns import descriptor_risk, lexicon_category
    from MicrocalcAILib.lexicon.descriptor_model import DescriptorModel

    record = next((record for record in words if record["cluster_id"] == row["id"]), None)
    if record is None:
        return {}
    described = _clusterWords(row, record, chosen)
    estimate = descriptor_risk(described, DescriptorModel.load()).estimate
    risk = float(estimate.value), float(estimate.low), float(estimate.high)
    category = lexicon_category(described) or _NOTHING
    return {"reader_category": category, **dict(zip(NUMBER_COLUMNS, risk, strict=True))}


def _clusterWords(row: dict, record: dict, chosen: dict[str, str]) -> ClusterWords:
    """The library's description of a cluster, from its record and the reader's words."""
    from MicrocalcAILib.lexicon.describe import ClusterWords, WordProbability

    suggested = {
        kind: tuple(WordProbability(name, value) for name, value in record[kind]["suggested"].items()) for kind in KINDS
    }
    described = ClusterWords(
        int(record["cluster_id"]), int(row["count"]), **suggested, evidence=tuple(record["evidence"]), overrides={}
    )
    for kind, name in chosen.items():
        if name:
            reader, time = (row.get(key, _NOTHING) for key in ("reader", "reader_time"))
            described = described.overridden(kind, name, "" if reader == _NOTHING else reader, time)
    return described


def _rowOf(tableNode, clusterId: int) -> tuple[int, dict[str, Any]]:
    for index, row in enumerate(tableRows(tableNode)):
        if row["id"] == clusterId:
            return index, row
    raise ResultError(f"The table does not hold cluster {clusterId} any more; select another one.")


def _setCells(tableNode, clusterId: int, cells: dict[str, str | float]) -> None:
    index, _ = _rowOf(tableNode, clusterId)
    table = tableNode.GetTable()
    with slicer.util.NodeModify(tableNode):
        for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS):
            if table.GetColumnByName(name) is None:
                tableNode.AddColumn(_emptyColumn(name, table.GetNumberOfRows()))
        for name, value in cells.items():
            table.GetColumnByName(name).SetValue(index, value)
        table.Modified()
        tableNode.Modified()


def _emptyColumn(name: str, count: int):
    isText = name in TEXT_COLUMNS
    column = vtk.vtkStringArray() if isText else vtk.vtkDoubleArray()
    column.SetName(name)
    column.SetNumberOfValues(count)
    for index in range(count):
        column.SetValue(index, _NOTHING if isText else float("nan"))
    return column


def _holds(outer, inner) -> bool:
    """Whether the bounding box of one cluster holds the center of the other."""
    try:
        return (
            outer["row_min"] <= inner["row"] <= outer["row_max"]
            and outer["column_min"] <= inner["column"] <= outer["column_max"]
        )
    except KeyError:
        return False


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
