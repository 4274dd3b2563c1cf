"""The page of an exam: everything that stands on it, put into its template."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.resources import resource_path
from ..exam.exam import Exam, ExamView
from ..exam.findings import Finding
from ..exam.grouping import STANDARD_VIEWS
from ..exam.marks import Mark
from ..lexicon.predictive_values import predictive_value_sentence
from ..lexicon.vocabulary import categories
from .pictures import crop_file, shown_part, view_file
from .schematic import schematic
from .sentences import change_said, percent, place_said, risk_said, seen_said, size_said, strings, words_said
from .stiffness import StiffnessReading

TEMPLATE = "Reports/exam.html"
_MARK_MARGIN_MM = 3.0
_PAPER_MM = (180.0, 235.0)  # of A4 or Letter without margins, a heading and a note
_CAPTION_MM = 7.0


def page_of(exam: Exam, folder: Path, readings: Sequence[StiffnessReading] = ()) -> str:
    """The page as HTML that needs no other file.

    Parameters
    ----------
    exam : Exam
    folder : Path
        Where the exam and its pictures lie.
    readings : sequence of StiffnessReading
        Elastography of its findings.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resource_path(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(**_Page(exam, Path(folder), strings(), readings).content())


class _Page:
    """Collects what the template shows."""

    def __init__(self, exam: Exam, folder: Path, text: dict[str, str], readings: Sequence[StiffnessReading]) -> None:
        self.exam, self.folder, self.text, self.readings = exam, folder, text, readings
        everything = (*exam.views, *exam.priors)
        self.numbers = {view.identity.name: number for number, view in enumerate(everything, start=1)}
        widths = [self._size_mm(view)[1] for view in everything]
        self.widest_mm = max(widths, default=1.0)

    def content(self) -> dict[str, Any]:
        exam, text = self.exam, self.text
        findings = [self._finding(finding) for finding in exam.findings]
        oblique = {view.identity.name for view in exam.views if view.identity.is_oblique}
        drawings = [self._schematic(schematic(side, exam.findings, oblique)) for side in ("R", "L")]
        rows, more = self._hung(exam.views)
        return {
            "text": text,
            "exam": exam,
            "print_width_mm": self._print_width_mm,
            "labels": [view.identity.label for view in exam.views],
            "breasts": [
                {
                    "side": breast.laterality,
                    "finding": next((one for one in findings if one["number"] == breast.highest), None),
                    "density": self._density(breast),
                }
                for breast in exam.breasts
            ],
            "categories_source": categories()[0].source,
            "caveats": exam.caveats,
            "rows": rows,
            "more": more,
            "prior_rows": [row for rows in self._hung(exam.priors) for row in rows],
            "findings": findings,
            "schematics": drawings,
            "gone": [f"{view.identity.label}: {size_said(mark, text)}" for view in exam.views for mark in view.gone],
            "images": [
                {
                    "label": f"{view.identity.label} {view.identity.date}",
                    "spacing": f"{view.spacing_mm[0]:.4g} mm ({view.spacing_source})",
                    "nipple": self._nipple(view),
                    "density": self._density(view),
                }
                for view in (*exam.views, *exam.priors)
            ],
            "density_method": exam.provenance["density"],
            "asymmetry": exam.asymmetry,
            "not_measured": [
                text["no_masses"],
                *([] if self.readings else [text["no_elastography"]]),
                *([] if exam.priors else [text["no_prior"]]),
            ],
            "warnings": [warning.message for warning in exam.warnings],
            "versions": ", ".join(f"{name} {value}" for name, value in exam.provenance["versions"].items()),
            "created": exam.provenance["created"],
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        text = self.text
        words = finding.words
        return {
            "number": finding.number,
            "side": text[finding.laterality],
            "words": words_said(finding, text),
            "place": place_said(finding, text),
            "seen": seen_said(finding, self.exam, text),
            "size": "; ".join(f"{self._label(mark)}: {size_said(mark, text)}" for mark in finding.marks),
            "risk": risk_said(finding, text),
            "category": finding.category,
            "is_typically_benign": finding.is_typically_benign,
            "change": change_said(finding, self.exam),
            "match": "" if finding.match is None else percent(finding.match.probability),
            "reasons": () if finding.match is None else finding.match.reasons,
            "evidence": [
                {"label": self._label(mark), "text": mark.evidence} for mark in finding.marks if mark.evidence
            ],
            "ppv": [predictive_value_sentence(kind, name) for kind, name in words.items()],
            "changes": [
                {
                    "label": self.exam.view(image).identity.label,
                    "call": change.call,
                    "reason": change.reason,
                    "growth": "" if change.growth_mm is None else f"{round(change.growth_mm):+d}",
                }
                for image, change in finding.changes.items()
            ],
            "stiffness": [self._stiffness(one) for one in self.readings if one.finding == finding.number],
            "mirror": finding.mirror,
            "crops": [
                {
                    "label": self._label(mark),
                    "place": self._place_in_view(mark),
                    "data": _data(self.folder / crop_file(self.numbers[mark.image], mark.cluster_id)),
                }
                for mark in finding.marks
            ],
        }

    def _stiffness(self, reading: StiffnessReading) -> str:
        text = self.text
        values = ", ".join(f"{text[key]} {value}" for key, value in reading.values.items()) or text["nothing_measured"]
        doubts = f" ({text['doubts']}: {reading.doubts})" if reading.doubts else ""
        reader = f", {text['reader']} {reading.reader}" if reading.reader else ""
        return f"{reading.lesion}{reader}, {text['repeat']} {reading.repeat}: {values}{doubts}."

    def _label(self, mark: Mark) -> str:
        return self.exam.view(mark.image).identity.label

    def _place_in_view(self, mark: Mark) -> str:
        text, place = self.text, mark.place
        if place is None:
            return text["unknown"]
        return (
            f"{place.nipple_mm:.0f} {text['from_nipple']} ({text['give_or_take']} {place.error_mm:.0f}), "
            f"{place.along_mm:.0f} {text['along']} {abs(place.across_mm):.0f} {text['across_line']}, "
            f"{place.skin_mm:.0f} {text['to_skin']}, {place.chest_wall_mm:.0f} {text['to_chest_wall']}"
        )

    def _density(self, owner: Any) -> str:
        density = owner.density
        if density is None:
            return self.text["unknown"]
        return f"{density.percent:.0f} {self.text['percent']}, {self.text['category']} {density.category}"

    def _nipple(self, view: ExamView) -> str:
        if view.frame is None:
            return self.text["unknown"]
        nipple = view.frame.nipple
        return f"{nipple.source}, {self.text['confidence']} {nipple.confidence:.0%}"

    def _hung(self, views: Sequence[ExamView]) -> tuple[list[list[dict[str, Any]]], list[list[dict[str, Any]]]]:
        """Rows of two places, right breast first: the standard views, and the others."""
        left = list(views)
        rows = []
        for pair in (STANDARD_VIEWS[:2], STANDARD_VIEWS[2:]):
            row = []
            for side, name in pair:
                view = next((one for one in left if (one.identity.laterality, one.identity.view) == (side, name)), None)
                if view is not None:
                    left.remove(view)
                row.append(self._hung_at(side, f"{side} {name}", view))
            if any(place["view"] for place in row):
                rows.append(row)
        rest = [self._hung_at(one.identity.laterality or "", one.identity.label, one) for one in left]
        return rows, [rest[first : first + 2] for first in range(0, len(rest), 2)]

    def _print_width_mm(self, rows: Sequence[Sequence[dict[str, Any]]]) -> float:
        """How wide hung views are printed, so that all of their rows stand on one sheet of paper."""
        heights_mm = [max((place["view"]["height_mm"] for place in row if place["view"]), default=0.0) for row in rows]
        room_mm = _PAPER_MM[1] - _CAPTION_MM * len(rows)
        scale = room_mm / max(sum(heights_mm), 1.0)
        return round(min(_PAPER_MM[0], 2 * self.widest_mm * scale), 1)

    def _hung_at(self, side: str, label: str, view: ExamView | None) -> dict[str, Any]:
        return {"side": side, "label": label, "view": None if view is None else self._drawing(view)}

    def _size_mm(self, view: ExamView) -> tuple[float, float]:
        part = shown_part(view.shape, view.breast_box, view.spacing_mm)
        return (part.bottom - part.top) * view.spacing_mm[0], (part.right - part.left) * view.spacing_mm[1]

    def _drawing(self, view: ExamView) -> dict[str, Any]:
        part = shown_part(view.shape, view.breast_box, view.spacing_mm)
        height_mm, width_mm = self._size_mm(view)
        top_mm, left_mm = part.top * view.spacing_mm[0], part.left * view.spacing_mm[1]
        name, text = view.identity.name, self.text
        marks = []
        for finding in self.exam.findings:
            for mark in finding.marks:
                position = self._position(finding, mark, name)
                if position is None:
                    continue
                x, y, radius = position[1] - left_mm, position[0] - top_mm, mark.extent_mm / 2 + _MARK_MARGIN_MM
                above = y - radius > 9
                marks.append(
                    {
                        "number": finding.number,
                        "seen": mark.image == name,
                        "x": round(x, 1),
                        "y": round(y, 1),
                        "r": round(radius, 1),
                        "text_x": round(min(max(x, 4), width_mm - 4), 1),
                        "text_y": round(y - radius - 1.5 if above else y + radius + 6.5, 1),
                    }
                )
        nipple = None
        if view.frame is not None:
            frame = view.frame
            end = frame.position_mm(frame.length_mm, 0.0)
            nipple = {
                "x": round(frame.nipple.x_mm - left_mm, 1),
                "y": round(frame.nipple.y_mm - top_mm, 1),
                "x2": round(float(end[1]) - left_mm, 1),
                "y2": round(float(end[0]) - top_mm, 1),
                "seen": frame.nipple.source != "foremost point",
            }
        numbers = ", ".join(f"{text['finding']} {mark['number']}" for mark in marks) or text["no_findings"]
        return {
            "label": view.identity.label,
            "counts": f"{view.calcifications} {text['calcifications']}",
            "alternative": f"{view.identity.label}: {numbers}",
            "width_mm": round(width_mm, 1),
            "height_mm": round(height_mm, 1),
            "percent": round(100 * width_mm / self.widest_mm, 1),
            "data": _data(self.folder / view_file(self.numbers[name])),
            "marks": marks,
            "nipple": nipple,
        }

    def _position(self, finding: Finding, mark: Mark, name: str) -> tuple[float, float] | None:
        """Where a cluster lies in an image (y, x), or, in a prior, where its place is; None in other images."""
        if mark.image == name:
            return mark.y_mm, mark.x_mm
        change = finding.changes.get(mark.image)
        return change.prior_mm if change is not None and self.exam.view(mark.image).prior == name else None

    def _schematic(self, drawing: dict[str, Any]) -> dict[str, Any]:
        for number, band in enumerate(drawing["bands"]):
            band |= {key: round(band[key], 1) for key in ("x1", "y1", "x2", "y2")}
            along = 0.35 + 0.12 * (number % 6)  # numbers of bands side by side keep apart
            band |= {
                "text_x": round(band["x1"] + along * (band["x2"] - band["x1"]) + 3, 1),
                "text_y": round(band["y1"] + along * (band["y2"] - band["y1"]) - 3, 1),
            }
        own = [one for one in self.exam.findings if one.laterality == drawing["laterality"]]
        said = "; ".join(f"{self.text['finding']} {one.number}: {place_said(one, self.text)}" for one in own)
        return {**drawing, "alternative": said or self.text["no_findings"]}


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
