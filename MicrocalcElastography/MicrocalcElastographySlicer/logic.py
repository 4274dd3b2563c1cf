"""MicrocalcElastography's logic: from screens, drawings and tables to result nodes, with or without a panel."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from MicrocalcAILib.errors import MicrocalcError, ParameterError
from MicrocalcElastographyLib.elastogram import Direction, Elastogram, Unit
from MicrocalcElastographyLib.geometry import Rectangle

from . import cohortnodes, elastogramnodes, measurementnodes, regions, screens

if TYPE_CHECKING:  # pandas and scipy need not be installed yet
    from MicrocalcElastographyLib.assessment import AssessmentParameters
    from MicrocalcElastographyLib.calibration import Calibration
    from MicrocalcElastographyLib.cohort.analysis import StudyOptions
    from MicrocalcElastographyLib.color_scale import ColorScale

_TABLE_FOR_VALUE_MAPS = "supersonic"
_REPORT = "microcalc_study"


class MicrocalcElastographyLogic(ScriptedLoadableModuleLogic):
    """Convert ultrasound screens to kPa, measure lesions by protocol, and analyze a study, all in the scene.

    Every method raises a MicrocalcError, whose one sentence says what is wrong and what to do, and then leaves the
    scene as it was. Nothing here needs a graphical user interface.
    """

    def load(self, path: Path | str):
        """Load a screen capture (DICOM, PNG, JPEG, TIFF) as a color volume with the right pixel spacing."""
        return screens.loadScreens(Path(path))

    def process(
        self,
        source,
        frame: int = 0,
        unit: Unit | str | None = None,
        valuesAtEnds: tuple[float, float] | None = None,
        opacity: float | None = None,
        spacingMm: float | None = None,
        colorTable: str | None = None,
        box: tuple[int, int, int, int] | None = None,
        bar: tuple[int, int, int, int] | None = None,
        direction: Direction | str | None = None,
    ) -> elastogramnodes.ElastogramNodes:
        """Turn an ultrasound screen, or a map of values, into a volume of kPa (strain stays strain).

        What is not given is read from the picture and the file; what neither tells is asked for by the error.

        Parameters
        ----------
        source : vtkMRMLVectorVolumeNode, vtkMRMLScalarVolumeNode or path
            A color screen; a map of values; or a file with either.
        frame : int
            Slice or frame, counted from 0.
        unit : Unit or str, optional
            ``kPa``, ``m/s`` or ``strain``; needed for scalar volumes.
        valuesAtEnds : (float, float), optional
            At the upper and the lower end of the color bar (left and right of a lying one).
        opacity : float, optional
            Share of color in the blend, above 0 to 1.
        spacingMm : float, optional
            Pixel size, for screens that do not tell it.
        colorTable : str, optional
            A bundled color table, when no bar is shown.
        box, bar : (left, top, right, bottom), optional
            Elastography box and color bar in pixels, right and bottom not part of them.
        direction : Direction or str, optional
            For maps of strain.

        Returns
        -------
        ElastogramNodes
            Pixels without a value hold :data:`.elastogramnodes.VOID_VALUE`, are not displayed, and are 0 in
            ``validNode``. An earlier conversion of the same frame is replaced in place.
        """
        from MicrocalcElastographyLib.reading import ValueMeaning, read_elastogram

        if opacity is not None and not 0.0 < opacity <= 1.0:
            raise ParameterError("The opacity is a share above 0 and up to 1 (100 %).")
        spacing = None if spacingMm is None else (spacingMm, spacingMm)
        unit = None if unit is None else Unit(unit)
        given = _calibration(box, bar, colorTable, valuesAtEnds, unit, opacity, spacing)
        meaning = ValueMeaning(
            unit=unit, direction=None if direction is None else Direction(direction), spacing_mm=spacing
        )
        if isinstance(source, (str, Path)):
            elastogram = read_elastogram(Path(source), frame, given, meaning)
            key = f"{elastogram.source['sha256']} {frame}"
            scale = _colorScale(elastogram)
            return elastogramnodes.showElastogram(elastogram, scale, Path(source).stem, frame=frame, key=key)
        elastogram = screens.elastogramOfVolume(source, frame, given, meaning)
        return elastogramnodes.showElastogram(elastogram, _colorScale(elastogram), source.GetName(), source, frame)

    def measure(
        self,
        valueNode,
        drawn: Mapping[str, object],
        parameters: AssessmentParameters | None = None,
        precompression: float | None = None,
    ) -> measurementnodes.MeasurementNodes:
        """Measure a lesion in a converted elastogram, score it, and check the protocol.

        Parameters
        ----------
        valueNode : vtkMRMLScalarVolumeNode
            From :meth:`process`.
        drawn : mapping
            Names of :data:`.regions.REGIONS` (``lesion`` is needed) to what the reader drew: a
            ``(segmentation node, segment name or ID)`` pair, a closed curve, a region of interest, or a line that is
            the diameter of a circle.
        parameters : AssessmentParameters, optional
        precompression : float, optional
            Level of the scanner's pressure indicator.
        """
        from MicrocalcElastographyLib.assessment import AssessmentParameters, assess
        from MicrocalcElastographyLib.measurement import LesionRegions

        elastogram = elastogramnodes.elastogramOf(valueNode)
        unknown = set(drawn) - set(regions.REGIONS)
        if unknown or "lesion" not in drawn:
            raise ParameterError(f"Regions are called {', '.join(regions.REGIONS)}; the lesion is needed.")
        found = {name: regions.regionOf(elastogram, valueNode, what) for name, what in drawn.items()}
        assessment = assess(
            elastogram,
            LesionRegions(**found),
            parameters or AssessmentParameters(),
            precompression=precompression,
        )
        return measurementnodes.showAssessment(assessment, valueNode)

    def analyzeCohort(
        self,
        source,
        outcome: str | None = None,
        options: StudyOptions | None = None,
        reportFolder: Path | str | None = None,
    ) -> cohortnodes.CohortNodes:
        """Analyze a study: group comparison, ROC curves and cut-offs, regression, agreement of readers.

        Parameters
        ----------
        source : vtkMRMLTableNode or path
            One row per lesion, or per reader and repeat; files are CSV, TSV or XLSX.
        outcome : str, optional
            Column that says benign or malignant; guessed from the headings otherwise.
        options : StudyOptions, optional
        reportFolder : path, optional
            Write report, tables and figures there, too, into a folder ``microcalc_study``, which is replaced.

        Returns
        -------
        CohortNodes
            An earlier analysis of the same table is replaced.
        """
        from MicrocalcAILib.provenance import sha256_of_file
        from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
        from MicrocalcElastographyLib.cohort.columns import ColumnChoices
        from MicrocalcElastographyLib.cohort.lesions import read_cohort
        from MicrocalcElastographyLib.cohort.outputs import write_study

        with tempfile.TemporaryDirectory() as folder:
            if isinstance(source, (str, Path)):
                path, title = Path(source), Path(source).stem
                study = hashlib.sha256(str(path.resolve()).encode()).hexdigest()  # a scene tells no folder names
            else:
                frame = cohortnodes.tableOfNode(source)
                path, title, study = Path(folder) / "cohort.csv", source.GetName(), source.GetID()
                frame.to_csv(path, index=False)
            cohort = read_cohort([path], ColumnChoices(outcome=outcome or None))
            digests = {"SHA-256 of table 1": sha256_of_file(path)}
        analysis = analyze_cohort(cohort, options or StudyOptions(title=title), inputs=digests)
        if reportFolder is not None:
            write_study(analysis, Path(reportFolder) / _REPORT)
        return cohortnodes.showStudy(analysis, study, title)

    def checkInput(self, volumeNode, frame: int = 0, isUnitKnown: bool = True) -> None:
        """Raise a MicrocalcError, whose sentence says what is missing, unless a volume can be converted."""
        screens.checkInput(volumeNode, frame, isUnitKnown)

    def findElastogram(self, volumeNode, frame: int = 0) -> elastogramnodes.ElastogramNodes | None:
        """The elastogram made of a frame of this volume, or None."""
        return elastogramnodes.findElastogram(volumeNode, frame)

    def findMeasurement(self, valueNode) -> measurementnodes.MeasurementNodes | None:
        """The measurement made in this elastogram, or None."""
        return measurementnodes.findMeasurement(valueNode)

    def segmentsNamed(self, segmentationNode, names: Mapping[str, str]) -> dict[str, tuple]:
        """The regions among ``names`` (region → segment name) for which there is a segment."""
        if segmentationNode is None:
            return {}
        found = {region: regions.segmentNamed(segmentationNode, name) for region, name in names.items() if name.strip()}
        return {region: segment for region, segment in found.items() if segment is not None}


def _calibration(box, bar, colorTable, valuesAtEnds, unit, opacity, spacing) -> Calibration:
    from MicrocalcElastographyLib.calibration import Calibration

    def rectangle(sides: tuple[int, int, int, int] | None) -> Rectangle | None:
        return None if sides is None else Rectangle(sides[1], sides[0], sides[3], sides[2])

    return Calibration(
        box=rectangle(box),
        bar=rectangle(bar),
        color_table=colorTable,
        values_at_ends=valuesAtEnds,
        unit=unit,
        opacity=opacity,
        spacing_mm=spacing,
    )


def _colorScale(elastogram: Elastogram) -> ColorScale:
    """The scanner's own colors; a bundled table over the values for maps that have none."""
    from MicrocalcElastographyLib.calibration import Calibration
    from MicrocalcElastographyLib.color_scale import bundled_color_scale

    found = elastogram.source.get("calibration")
    if found is not None and elastogram.frame is not None:
        known = {name: part["value"] for name, part in found.items()}
        place = Rectangle(*known["bar"]) if known["bar"] is not None else None
        return Calibration(
            box=elastogram.box,
            bar=place,
            color_table=known["color_table"],
            values_at_ends=tuple(known["values_at_ends"]),
            unit=elastogram.unit,
        ).color_scale(elastogram.frame)
    if not elastogram.valid.any():
        raise MicrocalcError("No pixel of this map carries a value; check unit and void value.")
    highest = float(np.nanmax(elastogram.values))
    low, high = elastogram.value_range or (min(0.0, float(np.nanmin(elastogram.values))), max(highest, 1e-3))
    return bundled_color_scale(_TABLE_FOR_VALUE_MAPS, low, high, elastogram.unit)
