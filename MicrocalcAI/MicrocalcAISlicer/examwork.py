"""From the analyzed images of the scene to an exam, step by step, so that the window stays alive."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import ResultError

from .examimages import SceneExam
from .examrecord import ExamRecord, ReaderMoves, recordExam
from .readercolumns import NUMBER_COLUMNS, REJECTED, RISK_COLUMNS, decision, hasReaderWord
from .results import findResults
from .sceneexport import mammogramAndAnalysis

if TYPE_CHECKING:
    from MicrocalcAILib.analysis import Analysis
    from MicrocalcAILib.exam.exam import Exam
    from MicrocalcAILib.exam.examine import ExamImage
    from MicrocalcAILib.exam.identity import ImageIdentity


class ExamWork:
    """The images of an exam, prepared once, and put together as often as a reader moves something.

    :meth:`update` does one step of the preparation, a second or two each; then :meth:`examine` takes little time.

    Parameters
    ----------
    sceneExam : SceneExam
        Images without results are left out; the exam says so.
    """

    def __init__(self, sceneExam: SceneExam):
        from MicrocalcAILib.exam.examine import Aligner

        self.sceneExam = sceneExam
        self._aligner = Aligner()
        self._images: dict[str, ExamImage] = {}
        group = sceneExam.group
        analyzed = {name for name, node in sceneExam.nodes.items() if findResults(node) is not None}
        now, before = ([one for one in images if one.name in analyzed] for images in (group.images, group.priors))
        if not now:
            raise ResultError(_("None of the images of this exam was analyzed; please analyze them first."))
        self._steps = [partial(self._prepare, identity) for identity in (*now, *before)]
        if before:
            self._steps += [partial(self._align, identity.name) for identity in now]
        self.done, self.total = 0, len(self._steps)

    def update(self) -> bool:
        """Do one more step; True when all are done."""
        if self.done < self.total:
            self._steps[self.done]()
            self.done += 1
        return self.done == self.total

    def examine(self, moves: ReaderMoves) -> ExamRecord:
        """Put the prepared images together as a reader has them, and keep the exam in the scene."""
        return recordExam(self._exam(moves), self._nodes(), moves)

    def _prepare(self, identity: ImageIdentity) -> None:
        from MicrocalcAILib.exam.examine import prepare

        mammogram, analysis = mammogramAndAnalysis(findResults(self.sceneExam.nodes[identity.name]))
        analysis = dataclasses.replace(asReaderSays(analysis), admission=mammogram.admission)
        self._images[identity.name] = prepare(mammogram, analysis, identity)

    def _align(self, name: str) -> None:
        from MicrocalcAILib.exam.examine import partner_of

        image = self._images[name]
        partner = partner_of(
            image, [self._images[one.name] for one in self.sceneExam.group.priors if one.name in self._images]
        )
        if partner is not None:
            self._aligner.align(image, partner)

    def _exam(self, moves: ReaderMoves) -> Exam:
        from MicrocalcAILib.exam.examine import examine, placed

        images = {
            name: placed(image.breast, image.analysis, image.identity, moves.nipples.get(name))
            for name, image in self._images.items()
        }
        return examine(self.sceneExam.group, images, said=moves.said, aligner=self._aligner)

    def _nodes(self) -> dict[str, object]:
        return {name: self.sceneExam.nodes[name] for name in self._images}


def asReaderSays(analysis: Analysis) -> Analysis:
    """Without the clusters that a reader rejected, and with the risks of a reader's words."""
    clusters = analysis.clusters
    if "reader_decision" not in clusters:
        return analysis
    isRejected = [decision(row) == REJECTED for row in clusters.to_dict("records")]
    rejected = set(clusters["id"][isRejected])
    kept = clusters[[not one for one in isRejected]].reset_index(drop=True)
    isNamed = np.array([hasReaderWord(row) for row in kept.to_dict("records")], bool)
    for own, column in zip(NUMBER_COLUMNS, RISK_COLUMNS, strict=True):
        if {own, column} <= set(kept.columns):
            kept[column] = kept[own].where(isNamed, kept[column])
    calcifications = analysis.calcifications.assign(
        cluster_id=analysis.calcifications["cluster_id"].where(~analysis.calcifications["cluster_id"].isin(rejected), 0)
    )
    return dataclasses.replace(analysis, clusters=kept, calcifications=calcifications)
