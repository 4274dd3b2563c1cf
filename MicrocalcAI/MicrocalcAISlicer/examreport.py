"""The page of an exam, as the scene has it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .examrecord import ExamRecord
from .results import findResults
from .sceneexport import mammogramAndAnalysis


def writeExamReport(record: ExamRecord, folder: Path) -> Path:
    """Write the exam's page as HTML that needs no other file into a folder; gives its path.

    Raises
    ------
    MicrocalcError
        When an image or its results are no longer in the scene, or the page cannot be written.
    """
    from MicrocalcAILib.base.errors import ResultError
    from MicrocalcAILib.exam.exam import save_exam
    from MicrocalcAILib.report.pictures import write_pictures
    from MicrocalcAILib.report.write import write_report

    exam = record.exam
    path = Path(folder) / f"{record.textNode.GetName()}.html"
    with tempfile.TemporaryDirectory(prefix="Microcalc-") as temporary:
        for number, view in enumerate((*exam.views, *exam.priors), start=1):
            volumeNode = record.nodes.get(view.identity.name)
            results = None if volumeNode is None else findResults(volumeNode)
            if results is None:
                raise ResultError(f"“{view.identity.name}” or its results are no longer in the scene; load it again.")
            write_pictures(*mammogramAndAnalysis(results), Path(temporary), number)
        save_exam(exam, Path(temporary))
        write_report(Path(temporary), path)
    return path
