"""Analyzing the images of a dataset, so that they can be compared with its outlines."""

from __future__ import annotations

import json
from pathlib import Path

from ..analysis import ANALYSIS_FILE, save_analysis
from ..base.files import folder_replaced_on_success
from ..base.progress import Progress
from ..dataset.dataset import Dataset, read_image
from ..pipeline import analyze, load_selector


def analyze_dataset(dataset: Dataset, folder: Path, selector_name: str, progress: Progress) -> None:
    """Analyze every outlined image into a folder of its name; those that were analyzed with this selector stay.

    Raises
    ------
    MicrocalcError
        When an image is missing or cannot be read; what was analyzed before stays.
    """
    selector = load_selector(selector_name)
    used = str(selector.provenance().get("sha256"))
    for number, image in enumerate(dataset.outlined):
        progress("analyses", number, len(dataset.outlined))
        target = Path(folder) / image.name
        if _selector_of(target) == used:
            continue
        analysis = analyze(read_image(image), selector=selector)
        with folder_replaced_on_success(target, ANALYSIS_FILE) as temporary:
            save_analysis(analysis, temporary, image.name)
    progress("analyses", len(dataset.outlined), len(dataset.outlined))


def _selector_of(folder: Path) -> str:
    """Digest of the selector of an earlier analysis; empty when there is none."""

    try:
        record = json.loads((folder / ANALYSIS_FILE).read_text(encoding="utf-8"))
        return str(record["provenance"]["selector"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
