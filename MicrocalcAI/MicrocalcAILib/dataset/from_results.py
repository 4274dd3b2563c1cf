"""Results that a reader corrected as annotated images: what stands is a calcification, what was rejected is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis import ANALYSIS_FILE, SINGLES, Analysis, load_analysis
from ..base.errors import ParameterError
from ..base.files import is_hidden
from ..base.progress import Progress, no_progress
from ..editing.refresh import EDITED, READER
from ..evaluation.patients import patient_of
from ..export.results import IMAGE_FILE
from .dataset import BOX, Annotation, by_digest, written_dataset

_EDITED_CODE = "edited-by-reader"
_DECISION = "reader_decision"
_ACCEPTED, _REJECTED = "accepted", "rejected"
_SAID = (_DECISION, "reader_morphology", "reader_distribution")
_MARGIN_PIXELS = 10
_NOTHING = ("", "-")


def dataset_from_results(
    folders: Sequence[Path],
    output: Path,
    *,
    images: Path | None = None,
    patients: Mapping[str, str] | None = None,
    copies_images: bool = False,
    progress: Progress = no_progress,
) -> int:
    """Write the dataset of all results that a reader corrected; return the number of its images.

    A result counts as corrected when the reader accepted, rejected or named a cluster, or edited specks. The members of
    rejected clusters are no calcifications; accepted, drawn and redrawn ones are; so are single calcifications and
    clusters with the reader's words. Of a cluster that the reader left undecided nothing is known, and its region is
    ignored.

    Parameters
    ----------
    folders : sequence of Path
        Results of ``microcalc analyze`` or of the panel's export, or folders that hold some.
    output : Path
    images : Path, optional
        Folder below which the images are; each is found by its digest.
    patients : mapping, name of the results' folder -> patient, optional
        Results do not name patients; without this each image counts as a patient of its own.
    copies_images : bool
    progress : callable, optional

    Raises
    ------
    ParameterError, ResultError
        When there is no corrected result, or none whose image was found.
    """
    found = sorted(path for folder in folders for path in _results(Path(folder)))
    if not found:
        raise ParameterError(
            "These folders hold no results of an analysis; give the folder that the panel exported to."
        )
    known = by_digest(images) if images is not None else {}
    unnamed = 0
    with written_dataset(output, "results", {"results": len(found)}, copies_images) as writer:
        for number, folder in enumerate(found):
            progress("results", number, len(found))
            analysis = load_analysis(folder)
            if not is_corrected(analysis):
                writer.warn("not-corrected", f"“{folder.name}” holds nothing that a reader corrected; it is left out.")
                continue
            path = _image_of(folder, analysis, known)
            if path is None:
                writer.warn("image-not-found", f"The image of “{folder.name}” was not found; give its folder.")
                continue
            annotation = annotation_of(analysis)
            patient = (patients or {}).get(folder.name) or patient_of(analysis.provenance)
            unnamed += not patient
            writer.add(path, replace(annotation, patient=patient or annotation.patient), folder.name)
        if unnamed:
            writer.warn(
                "patients-unknown",
                f"Nobody said whose {unnamed} image(s) are; each counts as a patient of its own. Name them with "
                "--patients, so that the images of one are never split.",
            )
        progress("results", len(found), len(found))
        return len(writer)


def is_corrected(analysis: Analysis) -> bool:
    """Whether a reader decided about a cluster, named one, or edited specks."""
    if any(warning.code == _EDITED_CODE for warning in analysis.warnings):
        return True
    sources = analysis.calcifications.get("source", pd.Series(dtype=object))
    return bool(sources.isin((READER, EDITED)).any()) or any(
        not _is_empty(cell) for name in _SAID if name in analysis.clusters for cell in analysis.clusters[name]
    )


def annotation_of(analysis: Analysis) -> Annotation:
    """What a corrected analysis says about its image."""
    clusters, calcifications = analysis.clusters, analysis.calcifications
    decisions = {int(row["id"]): _decision(row) for row in clusters.to_dict("records")}
    of_cluster = calcifications["cluster_id"].map(lambda number: decisions.get(int(number), _ACCEPTED))
    by_hand = calcifications.get("source", pd.Series("", calcifications.index)).isin((READER, EDITED))
    kept = calcifications[(of_cluster == _ACCEPTED) | (by_hand & (of_cluster != _REJECTED))]
    labels = np.where(np.isin(analysis.labels, kept["id"].to_numpy()), analysis.labels, 0)
    undecided = clusters[[decisions[int(number)] == "" for number in clusters["id"]]]
    named = clusters[clusters["id"].isin(kept["cluster_id"])]
    words = [name for name in ("morphology", "distribution") if name in named]
    table = named[["id", *words]].copy()
    for name in words:
        own = named.get(f"reader_{name}", pd.Series("", named.index))
        table[name] = [word if _is_empty(said) else said for said, word in zip(own, named[name], strict=True)]
    provenance = analysis.provenance
    return Annotation(
        patient=next(iter(_digests(analysis)), "")[:16],
        laterality=provenance.get("laterality") or "",
        view=provenance.get("view") or "",
        spacing_mm=float(analysis.spacing_mm[0]),
        labels=labels,
        clusters=table,
        cluster_of={int(i): int(c) for i, c in zip(kept["id"], kept["cluster_id"], strict=True) if c != SINGLES},
        ignore_regions=[_widened(row) for row in undecided[list(BOX)].to_numpy(float)] if len(undecided) else (),
    )


def _decision(row: Mapping[Any, object]) -> str:
    """``accepted``, ``rejected`` or empty; a reader who chose a word for a cluster accepted it."""
    if not _is_empty(row.get(_DECISION, "")):
        return str(row[_DECISION])
    return _ACCEPTED if any(not _is_empty(row.get(name, "")) for name in _SAID) else ""


def _is_empty(cell: object) -> bool:
    return not isinstance(cell, str) or cell in _NOTHING


def _widened(box: np.ndarray) -> tuple[float, float, float, float]:
    top, bottom, left, right = box
    return top - _MARGIN_PIXELS, bottom + _MARGIN_PIXELS, left - _MARGIN_PIXELS, right + _MARGIN_PIXELS


def _results(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ParameterError(f"There is no folder “{folder.name}”.")
    for path in folder.rglob(ANALYSIS_FILE):
        if not is_hidden(path, folder):
            yield path.parent


def _image_of(folder: Path, analysis: Analysis, known: dict[str, Path]) -> Path | None:
    """The image itself by its digest, else the copy beside its results."""
    for digest in _digests(analysis):
        if digest in known:
            return known[digest]
    beside = folder / IMAGE_FILE
    return beside if beside.is_file() else None


def _digests(analysis: Analysis) -> list[str]:
    """Digests of the image: of the file that it was loaded from, and of the file that was analyzed."""
    source = analysis.provenance.get("source", {})
    return [digest for digest in (source.get("loaded_from", {}).get("sha256"), source.get("sha256")) if digest]
