"""From analyzed images to an exam: places, two views, left and right, prior, density, what to keep in mind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..analysis import Analysis
from ..base.errors import WarningRecord
from ..base.provenance import provenance
from ..reading.mammogram import Mammogram
from ..segmentation.breast import find_breast
from .alignment import Alignment, align
from .change import Change, change_of, gone, not_comparable
from .coarse import CoarseBreast, coarse_breast
from .correspondences import NOTHING_SAID, Correspondences
from .density import METHOD, SCANNED, Density, density_of
from .exam import Breast, Exam, ExamView
from .findings import Finding, findings_of
from .grouping import ExamGroup
from .identity import ImageIdentity
from .marks import Mark, marks_of
from .place import Frame, frame_of, moved_nipple

_DENSITY_DIFFERENCE = 15.0  # percent of the area; less is no asymmetry by this method


@dataclass(frozen=True)
class ExamImage:
    """An analyzed image, ready to be compared with others. Holds no full-size pixels.

    Parameters
    ----------
    identity : ImageIdentity
    analysis : Analysis
    breast : CoarseBreast
    frame : Frame or None
    results : str
        Place of the image's own results below the output folder.
    warnings : tuple of WarningRecord
    """

    identity: ImageIdentity
    analysis: Analysis
    breast: CoarseBreast
    frame: Frame | None
    results: str = ""
    warnings: tuple[WarningRecord, ...] = ()

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Its clusters."""
        return marks_of(self.analysis, self.identity, self.breast, self.frame)

    def points_mm(self, cluster_id: int | None = None) -> NDArray[np.float64]:
        """Positions (y, x) of a cluster's calcifications, or of all."""
        table = self.analysis.calcifications
        if cluster_id is not None:
            table = table[table["cluster_id"] == cluster_id]
        found: NDArray[np.float64] = table[["y_mm", "x_mm"]].to_numpy(np.float64)
        return found


def prepare(
    mammogram: Mammogram,
    analysis: Analysis,
    identity: ImageIdentity,
    nipple_mm: tuple[float, float] | None = None,
    results: str = "",
) -> ExamImage:
    """Find the breast's directions in an analyzed image.

    Parameters
    ----------
    mammogram : Mammogram
    analysis : Analysis
        Of that mammogram.
    identity : ImageIdentity
    nipple_mm : (float, float), optional
        Where a reader put the nipple (y, x); found on the profile otherwise.
    results : str
        Place of the results below the output folder.
    """
    return placed(coarse_breast(mammogram, find_breast(mammogram)), analysis, identity, nipple_mm, results)


def placed(
    breast: CoarseBreast,
    analysis: Analysis,
    identity: ImageIdentity,
    nipple_mm: tuple[float, float] | None = None,
    results: str = "",
) -> ExamImage:
    """As :func:`prepare`, of a breast that was reduced already: takes no time when a nipple was moved."""
    frame, warnings = frame_of(breast, identity)
    if nipple_mm is not None and frame is not None:
        frame = moved_nipple(frame, breast, *nipple_mm)
        warnings = tuple(warning for warning in warnings if warning.code != "nipple-not-seen")
    return ExamImage(identity, analysis, breast, frame, results, warnings)


class Aligner:
    """Aligns images to priors, and remembers what it has aligned as long as neither nipple is moved.

    One aligner is for one set of images.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Frame, Frame], Alignment] = {}

    def align(self, image: ExamImage, partner: ExamImage) -> Alignment | None:
        """Where an image lies in its prior; None where one of them does not show the breast's directions."""
        if image.frame is None or partner.frame is None:
            return None
        key = image.identity.name, partner.identity.name, image.frame, partner.frame
        if key not in self._known:
            self._known[key] = align(image.breast, image.frame, partner.breast, partner.frame)
        return self._known[key]


def examine(
    group: ExamGroup,
    images: Mapping[str, ExamImage],
    after_surgery: Sequence[str] = (),
    said: Correspondences = NOTHING_SAID,
    aligner: Aligner | None = None,
) -> Exam:
    """Examine the images of a group together.

    Parameters
    ----------
    group : ExamGroup
    images : mapping
        Name to image: those of the group and of its priors that could be analyzed.
    after_surgery : sequence of {"L", "R"}
        Breasts that had surgery or radiation, as the caller knows.
    said : Correspondences
        What a reader said about clusters of two images.
    aligner : Aligner, optional
        Remembers alignments from one call to the next.
    """
    present = [images[one.name] for one in group.images if one.name in images]
    priors = [images[one.name] for one in group.priors if one.name in images]
    warnings = list(group.warnings)
    unread = [one.label for one in group.images if one.name not in images]
    if unread:
        message = f"Could not be analyzed: {', '.join(unread)}; the exam is incomplete."
        warnings.append(WarningRecord("images-failed", message))
    warnings += [warning for image in present for warning in image.warnings]
    warnings += _of_images(present)
    if scanned := [image.identity.label for image in present if _is_scanned(image)]:
        message = f"Density was not measured on scanned or captured images ({', '.join(scanned)})."
        warnings.append(WarningRecord("density-not-measured", message))
    partners = {image.identity.name: partner_of(image, priors) for image in present}
    alignments = _alignments(present, partners, aligner or Aligner())
    changes = _changes(present, priors, partners, alignments)
    findings = findings_of(
        {image.identity.name: image.marks for image in present}, [image.identity for image in present], changes, said
    )
    views = tuple(_view(image, partners[image.identity.name], alignments) for image in present)
    breasts = tuple(_breast(side, views, findings) for side in ("R", "L") if any(_of(side, view) for view in views))
    return Exam(
        group.key,
        group.date,
        priors[0].identity.date if priors else "",
        views,
        tuple(_view(image, None, {}) for image in priors),
        findings,
        breasts,
        tuple(_asymmetry(breasts, findings)),
        tuple(_caveats(present, breasts, after_surgery)),
        tuple(dict.fromkeys(warnings)),
        provenance(
            density=METHOD,
            images={
                image.identity.name: image.analysis.provenance.get("source", {}).get("sha256", "")
                for image in (*present, *priors)
            },
            alignments={
                name: {"overlap": round(one.overlap, 3), "method": one.method} for name, one in alignments.items()
            },
        ),
    )


def _of_images(present: Sequence[ExamImage]) -> list[WarningRecord]:
    """The warnings of the images' own analyses, each once, with the images it holds for."""
    labels: dict[WarningRecord, list[str]] = {}
    for image in present:
        for warning in image.analysis.warnings:
            labels.setdefault(warning, []).append(image.identity.label)
    return [WarningRecord(one.code, f"{', '.join(names)}: {one.message}") for one, names in labels.items()]


def partner_of(image: ExamImage, priors: Sequence[ExamImage]) -> ExamImage | None:
    """The prior of the same breast and view that an image is compared with."""
    own = image.identity
    return next(
        (
            prior
            for prior in priors
            if prior.identity.is_whole
            and own.is_whole
            and (prior.identity.laterality, prior.identity.view) == (own.laterality, own.view)
        ),
        None,
    )


def _alignments(
    present: Sequence[ExamImage], partners: Mapping[str, ExamImage | None], aligner: Aligner
) -> dict[str, Alignment]:
    """Of each image that has a prior, where both show the breast's directions."""
    found = {}
    for image in present:
        partner = partners[image.identity.name]
        alignment = None if partner is None else aligner.align(image, partner)
        if alignment is not None:
            found[image.identity.name] = alignment
    return found


def _changes(
    present: Sequence[ExamImage],
    priors: Sequence[ExamImage],
    partners: Mapping[str, ExamImage | None],
    alignments: Mapping[str, Alignment],
) -> dict[tuple[str, int], Change]:
    if not priors:
        return {}
    found = {}
    for image in present:
        name = image.identity.name
        partner = partners[name]
        for mark in image.marks:
            if partner is None:
                change = not_comparable(f"There is no prior of {image.identity.label}.")
            elif name not in alignments:
                change = not_comparable("Without the breast's outline and nipple in both images, places differ.")
            elif _is_assumed(image) != _is_assumed(partner):
                change = not_comparable("Pixel sizes of one of the two images are not known.")
            else:
                change = change_of(mark, image.points_mm(mark.cluster_id), partner.points_mm(), alignments[name])
            found[name, mark.cluster_id] = change
    return found


def _is_scanned(image: ExamImage) -> bool:
    return image.analysis.admission.kind in SCANNED


def _is_assumed(image: ExamImage) -> bool:
    return str(image.analysis.provenance.get("spacing_source", "")).startswith("assumed")


def _view(image: ExamImage, partner: ExamImage | None, alignments: Mapping[str, Alignment]) -> ExamView:
    analysis, name = image.analysis, image.identity.name
    rows, columns = analysis.labels.shape
    return ExamView(
        image.identity,
        image.results,
        (rows, columns),
        analysis.spacing_mm,
        str(analysis.provenance.get("spacing_source", "")),
        analysis.breast_box,
        image.breast.chest_wall_side,
        image.frame,
        density_of(image.breast) if image.identity.is_whole and not _is_scanned(image) else None,
        len(analysis.calcifications),
        len(analysis.clusters),
        tuple(gone(partner.marks, image.points_mm(), alignments[name])) if partner and name in alignments else (),
        partner.identity.name if partner else "",
    )


def _of(side: str, view: ExamView) -> bool:
    return view.identity.laterality == side


def _breast(side: str, views: Sequence[ExamView], findings: Sequence[Finding]) -> Breast:
    percents = [view.density.percent for view in views if _of(side, view) and view.density is not None]
    highest = next((finding.number for finding in findings if finding.laterality == side), None)
    return Breast(side, highest, Density.of(float(np.mean(percents))) if percents else None)


def _asymmetry(breasts: Sequence[Breast], findings: Sequence[Finding]) -> list[str]:
    if len(breasts) < 2:
        return []
    said = []
    right, left = breasts
    if right.density and left.density and abs(right.density.percent - left.density.percent) > _DENSITY_DIFFERENCE:
        said.append(
            f"Density differs: {right.density.percent:.0f} % of the area right, {left.density.percent:.0f} % left."
        )
    counts = {side: sum(finding.laterality == side for finding in findings) for side in ("R", "L")}
    if bool(counts["R"]) != bool(counts["L"]):
        side = "right" if counts["R"] else "left"
        said.append(f"Clusters were found in the {side} breast only.")
    elif counts["R"]:
        said.append(f"Clusters were found in both breasts: {counts['R']} right, {counts['L']} left.")
    return said


def _caveats(present: Sequence[ExamImage], breasts: Sequence[Breast], after_surgery: Sequence[str]) -> list[str]:
    identities: list[ImageIdentity] = [image.identity for image in present]
    said = []
    if any(one.sex == "M" for one in identities):
        said.append("A man's breast: models and cohorts are of women.")
    if any(one.is_young for one in identities):
        said.append("Younger than 40 years: cohorts of screened women do not apply, and breasts are denser.")
    if any(one.implant for one in identities):
        said.append("Breast implant: it hides tissue, and its capsule may calcify.")
    words = {"R": "right", "L": "left"}
    said += [
        f"After surgery or radiation of the {words[side]} breast: dystrophic calcifications, sutures and fat necrosis "
        "are frequent, and a change since the prior may be a scar's."
        for side in after_surgery
    ]
    said += [
        f"The {words[breast.laterality]} breast is dense (category {breast.density.category} by area): faint "
        "calcifications hide more easily; a more sensitive operating point (--false-marks) finds more of them, and "
        "more false ones."
        for breast in breasts
        if breast.density and breast.density.is_dense
    ]
    assumed = [image.identity.label for image in present if _is_assumed(image)]
    if assumed:
        said.append(f"The pixel size of {', '.join(assumed)} is assumed: all lengths may be wrong by the same factor.")
    return said
