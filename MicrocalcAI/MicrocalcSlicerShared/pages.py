"""Pages that are opened outside Slicer."""

from __future__ import annotations

from pathlib import Path

import qt
from slicer.i18n import tr as _


def openPage(path: Path) -> str:
    """Open a page in the browser; return '' or, where no program opens it, a sentence that says where it lies."""
    if qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path))):
        return ""
    return _("No program opened the page; it is the file {path}.").format(path=path)
