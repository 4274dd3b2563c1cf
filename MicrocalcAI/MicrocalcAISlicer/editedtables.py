"""Tables, words and names made to follow edited segments."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import TYPE_CHECKING

import numpy as np

from MicrocalcAILib.base.errors import ResultError, WarningRecord
from MicrocalcSlicerShared.nodes import tableFrame

from . import results
from .segmentimages import clusterSegments

if TYPE_CHECKING:  # what these need may not be installed yet
    from MicrocalcAILib.classification.description import DescriptionModels
    from MicrocalcAILib.editing.refresh import Findings, Refreshed
    from MicrocalcAILib.editing.specks import SpeckFinder
    from MicrocalcAILib.lexicon.word_model import WordModel

    from .calcificationmarks import Marks

_REMOVED = "Microcalc.RemovedByReader"  # attribute of the segmentation, JSON
_MOST_CALCIFICATIONS = 5000
_LARGEST_AREA_MM2 = 1000.0  # of all together
_FEW = 5  # marks with which the first one's work is tried
_NOT_THERE = -1  # cluster_id of calcifications that come back: they were in no cluster before


class EditedTables:
    """The tables of a segmentation; they remember the rows of calcifications that undo may bring back."""

    def __init__(self, volumeNode, segmentationNode):
        self._volumeNode = volumeNode
        self._segmentationNode = segmentationNode
        self._gone: dict[int, dict] = {}  # the last rows of calcifications that left the table, by their id
        self._written: tuple[Findings, tuple] | None = None  # what is in the tables, and their state then
        self._undescribed: set[int] = set()  # clusters that changed and wait for their words
        self._words: WordModel | None = None  # of the user

    @property
    def lacksWords(self) -> bool:
        """Whether clusters wait for their words and estimates."""
        return bool(self._undescribed)

    def prepare(self, marks: Marks, finder: SpeckFinder) -> None:
        """Load what the first mark would otherwise wait for: models, and whatever measuring and counting needs."""
        from MicrocalcAILib.editing.refresh import refresh

        _ = self._bundledModels.words.ensembles
        few = list(marks.pixels.values())[:_FEW]
        if few:
            rows, columns = (np.concatenate(part) for part in zip(*few, strict=True))
            refresh(finder, marks.labels, marks.clusters, places=(rows, columns))

    def follow(self, marks: Marks, finder: SpeckFinder, describes: bool = True) -> results.ResultNodes:
        """Bring everything in step with the marks; a segmentation without tables gets them.

        Parameters
        ----------
        describes : bool
            Whether clusters that changed get their words and estimates, which takes most of the time; without that
            they have none until it is done.

        Raises
        ------
        ResultError
            When the segments hold something else than calcifications.
        """
        from MicrocalcAILib.editing.refresh import refresh

        _checkMarks(marks, finder.mammogram.spacing_mm)
        shown = results.adopt(self._segmentationNode, self._volumeNode, _imageRecord(finder))
        before = self._before(shown, marks)
        models, notes = self._models()
        own = {"places": marks.places, "again": self._undescribed}
        refreshed = refresh(finder, marks.labels, marks.clusters, before, models if describes else None, **own)
        self._undescribed = set() if describes else set(refreshed.touched)
        removed = self._removed(before, marks)
        self._show(shown, refreshed, (*notes, *_editedNote(refreshed.findings.calcifications, removed)))
        return results.resultsOf(self._segmentationNode)

    def _before(self, shown: results.ResultNodes, marks: Marks) -> Findings | None:
        """What the tables say, and the rows of calcifications that came back; None for new tables."""
        found = self._read(shown)
        if found is None:
            return None
        inTable = found.calcifications["id"].tolist()
        for index, identifier in enumerate(inTable):
            if identifier not in marks.clusters:
                self._gone[identifier] = {name: values[index] for name, values in found.calcifications.items()}
        back = [identifier for identifier in self._gone if identifier in marks.clusters.keys() - set(inTable)]
        if not back:
            return found
        rows = [self._gone.pop(identifier) | {"cluster_id": _NOT_THERE} for identifier in back]
        columns = {}
        for name, values in found.calcifications.items():
            cells = np.array([row.get(name, np.nan) for row in rows], object if values.dtype.kind == "O" else None)
            columns[name] = np.concatenate([values, cells])
        return dataclasses.replace(found, calcifications=columns)

    def _read(self, shown: results.ResultNodes) -> Findings | None:
        """The tables as they are; what was written last is not read again."""
        from MicrocalcAILib.editing.refresh import Findings

        if self._written is not None and self._written[1] == _stateOf(shown):
            return self._written[0]
        calcifications, clusters = (
            tableFrame(node) for node in (shown.calcificationsTableNode, shown.clustersTableNode)
        )
        if "id" not in calcifications or "id" not in clusters:
            return None
        return Findings.of_tables(calcifications, clusters, tuple(results.wordsOf(self._segmentationNode)))

    def _show(self, shown: results.ResultNodes, refreshed: Refreshed, notes: tuple[WarningRecord, ...]) -> None:
        findings = refreshed.findings
        segmentation = self._segmentationNode.GetSegmentation()
        segmentOf = {number: segment for segment, number in clusterSegments(self._segmentationNode).items()}
        numbers = findings.clusters["id"].tolist()
        names = np.array([segmentation.GetSegment(segmentOf[number]).GetName() for number in numbers], object)
        clusters = findings.clusters | {"name": names}
        written = results.replaceRows(shown, findings.calcifications, clusters)
        results.replaceWords(self._segmentationNode, findings.words)
        self._written = dataclasses.replace(findings, clusters=written), _stateOf(shown)
        kept = [record for record in shown.warnings if record.code != results.EDITED_BY_READER]
        known = {record.code for record in kept}
        new = [record for record in (*refreshed.warnings, *notes) if record.code not in known]
        results.replaceWarnings(self._segmentationNode, [*kept, *new])

    def _removed(self, before: Findings | None, marks: Marks) -> int:
        """How many calcifications of the analysis a reader removed; their ids are kept with the segmentation."""
        created = results.provenanceOf(self._segmentationNode).get("created")
        record = json.loads(self._segmentationNode.GetAttribute(_REMOVED) or "{}")
        removed = set(record.get("ids", ())) if record.get("created") == created else set()
        if before is not None:
            ids = before.calcifications["id"]
            isMachines = before.calcifications.get("source", np.full(len(ids), "machine")) != "reader"
            removed |= set(ids[isMachines].astype(int).tolist())
        removed -= marks.pixels.keys()
        text = json.dumps({"created": created, "ids": sorted(removed)})
        self._segmentationNode.SetAttribute(_REMOVED, text if removed else None)
        return len(removed)

    def _models(self) -> tuple[DescriptionModels | None, tuple[WarningRecord, ...]]:
        """The models that described the image, as far as they come with the library or are among the user's."""
        models = self._bundledModels
        provenance = results.provenanceOf(self._segmentationNode)
        if "description" not in provenance:
            return dataclasses.replace(models, classifier=None), ()
        if provenance["description"] is None:
            return None, ()
        bundled, notes = models.provenance(), []
        words = provenance["description"].get("words") or bundled["words"]
        if words.get("sha256") != bundled["words"]["sha256"]:
            own = self._ownWords(words.get("sha256"))
            if own is None:
                message = "Edited clusters have words of the bundled model: the one that was used is not there."
                notes.append(WarningRecord("edited-without-words", message))
            else:
                models = dataclasses.replace(models, words=own)
        used = provenance["description"].get("classifier")
        if used == bundled["classifier"]:
            return models, tuple(notes)
        if used:
            message = "Edited clusters have no estimate by the features: another classifier was used; analyze again."
            notes.append(WarningRecord("edited-without-classifier", message))
        return dataclasses.replace(models, classifier=None), tuple(notes)

    def _ownWords(self, sha256: dict[str, str] | None) -> WordModel | None:
        """The user's model of words with these digests, None where there is none; read once."""
        from MicrocalcAILib.lexicon.word_model import KIND, WordModel
        from MicrocalcAILib.networks.catalogue import find_network, networks

        if self._words is None or self._words.card["sha256"] != sha256:
            names = [name for name, card in networks(KIND).items() if card.get("sha256") == sha256]
            self._words = WordModel.load(find_network(names[0])) if names else None
        return self._words

    @functools.cached_property
    def _bundledModels(self) -> DescriptionModels:
        from MicrocalcAILib.base.parameters import SIMULATED_CLASSIFIER
        from MicrocalcAILib.classification.description import DescriptionModels

        return DescriptionModels.load(SIMULATED_CLASSIFIER)


def _stateOf(shown: results.ResultNodes) -> tuple:
    """Differs after every change of a table or of the words."""
    nodes = shown.calcificationsTableNode, shown.clustersTableNode
    parts = [part for node in nodes for part in (node, node.GetTable(), node.GetTable().GetRowData())]
    return *(part.GetMTime() for part in parts), shown.segmentationNode.GetAttribute(results.WORDS)


def _checkMarks(marks: Marks, spacingMm: tuple[float, float]) -> None:
    """Refuse what would take minutes to describe and mean nothing, for example a breast filled by a threshold."""
    if len(marks.pixels) > _MOST_CALCIFICATIONS:
        raise ResultError(
            f"The cluster segments hold {len(marks.pixels)} separate spots, which are no calcifications; "
            "undo the last edit, or paint into another segment."
        )
    areaMm2 = len(marks.places[0]) * spacingMm[0] * spacingMm[1]
    if areaMm2 > _LARGEST_AREA_MM2:
        raise ResultError(
            f"The cluster segments cover {areaMm2 / 100:.0f} cm², which calcifications do not; "
            "undo the last edit, or paint into another segment."
        )


def _imageRecord(finder: SpeckFinder) -> dict:
    rows, columns = finder.breast.box
    return {
        "spacing_mm": finder.mammogram.spacing_mm,
        "breast_area_cm2": finder.breast.area_cm2,
        "breast_box": (rows.start, rows.stop, columns.start, columns.stop),
    }


def _editedNote(calcifications: dict[str, np.ndarray], removed: int) -> tuple[WarningRecord, ...]:
    from MicrocalcAILib.editing.refresh import EDITED, READER

    added, edited = (int((calcifications["source"] == source).sum()) for source in (READER, EDITED))
    if not added and not edited and not removed:
        return ()
    message = (
        f"A reader edited the calcifications (added: {added}, removed: {removed}, outline changed: {edited}). "
        "The probability of added and changed ones is by measurements alone."
    )
    return (WarningRecord(results.EDITED_BY_READER, message),)
