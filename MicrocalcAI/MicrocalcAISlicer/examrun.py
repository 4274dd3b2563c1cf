"""The exams of a folder without the scene: ``microcalc analyze-exam`` as a child process, and the exams it wrote."""

from __future__ import annotations

from pathlib import Path

from .folderrun import FolderCommand


class ExamRun(FolderCommand):
    """The analysis of all images below a folder and of the exams they make up; ``folders`` are those of the exams."""

    def __init__(self, *arguments):
        self.folders: list[Path] = []
        self._hasResult = False
        super().__init__("analyze-exam", *arguments)

    def _take(self, message: dict) -> None:
        if "image" in message:
            if "status" in message:
                self._addRow(message)
        elif "exam" in message:
            self.folders.append(Path(message["folder"]))
        elif "result" in message:
            self._hasResult = True

    def _isDone(self) -> bool:
        return self._hasResult
