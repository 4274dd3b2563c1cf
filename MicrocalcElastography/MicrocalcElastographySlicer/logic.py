"""MicrocalcElastography's logic: from screens, drawings and tables to result nodes, with or without a panel."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcElastographyLib.elastogram import Direction, Elastogram, Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess
from MicrocalcSlicerShared.childrun import StartProcess

from . import cohortnodes, elastogramnodes, measurementnodes, readingsnodes, regions, screens
from .cohortrun import REPORT_FOLDER, CohortRun, StudyRequest, StudySource

if TYPE_CHECKING:  # pandas and scipy need not be installed yet
    from MicrocalcElastographyLib.assessment import Assessment, AssessmentParameters
    from MicrocalcElastographyLib.calibration import Calibration
    from MicrocalcElastographyLib.cine import CineSummary
    from MicrocalcElastographyLib.cohort.analysis import StudyOptions
    from MicrocalcElastographyLib.color_scale import ColorScale
    from MicrocalcElastographyLib.profiles import Profile
    from MicrocalcElastographyLib.readings import Reading

_TABLE_FOR_VALUE_MAPS = "supersonic"


class MicrocalcElastographyLogic(ScriptedLoadableModuleLogic):
    """Convert ultrasound screens to kPa, measure lesions by protocol, and analyze a study, all in the scene.

    Every method raises a MicrocalcError, whose one sentence says what is wrong and what to do, and then leaves the
    scene as it was. Nothing here needs a graphical user interface.

    Parameters
    ----------
    startProcess : callable
        Collaborator: how a child process is started.
    """

    def __init__(self, startProcess: StartProcess = AnalysisProcess):
        super().__init__()
        self._startProcess = startProcess

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

        unit = None if unit is None else Unit(unit)
        spacing = None if spacingMm is None else (spacingMm, spacingMm)
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

    def straighten(self, volumeNode, frame: int = 0, corners: tuple[tuple[float, float], ...] = ()):
        """Make the photo of a screen upright; gives a new volume, which is converted like any screen.

        Parameters
        ----------
        volumeNode : vtkMRMLVectorVolumeNode
        frame : int
        corners : tuple of (float, float)
            x and y in pixels of the upper left, upper right, lower right and lower left corner of the screen; found on
            the photo when they are not given.

        Raises
        ------
        MicrocalcError
            When the corners are none, or cannot be found.
        """
        return screens.straighten(volumeNode, frame, corners)

    def findCalibration(self, volumeNode, frame: int = 0, **given) -> Calibration:
        """What a screen tells about itself beside what is given (as for :meth:`process`); nothing is converted."""
        return screens.calibrationOfScreen(volumeNode, frame, _calibrationOf(given))

    def followCine(self, volumeNode, **given) -> CineSummary:
        """Values over the frames of a screen, the steadiest stretch, and the frame to measure.

        Parameters
        ----------
        volumeNode : vtkMRMLVectorVolumeNode
            A frame in each slice.
        **given
            As for :meth:`process`.
        """
        self.checkInput(volumeNode)
        return screens.followCine(volumeNode, _calibrationOf(given))

    def saveProfile(self, name: str, volumeNode, frame: int = 0, **given) -> Profile:
        """Keep what is given (as for :meth:`process`) for all screens of the same layout.

        Raises
        ------
        ParameterError
            When nothing is given, the name is taken, or the layout cannot be recognized again.
        """
        from MicrocalcElastographyLib.profiles import ProfileStore

        self.checkInput(volumeNode, frame)
        profile = screens.profileOfScreen(name, volumeNode, frame, _calibrationOf(given))
        ProfileStore().save(profile)
        return profile

    def assess(
        self,
        valueNode,
        drawn: Mapping[str, object],
        parameters: AssessmentParameters | None = None,
        precompression: float | None = None,
        boxPointNode=None,
        confirmed: Collection[str] | None = None,
    ) -> Assessment:
        """Measure a lesion in a converted elastogram, score it and check the protocol; the scene is not touched.

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
        boxPointNode : vtkMRMLMarkupsFiducialNode, optional
            Middle of a measurement box placed by hand; otherwise it goes to the stiffest place.
        confirmed : collection of str, optional
            Codes of ``protocol.OPERATOR_RULES`` that the examiner confirmed.
        """
        from MicrocalcElastographyLib.assessment import AssessmentParameters, assess
        from MicrocalcElastographyLib.measurement import LesionRegions

        elastogram = elastogramnodes.elastogramOf(valueNode)
        unknown = set(drawn) - set(regions.REGIONS)
        if unknown or "lesion" not in drawn:
            raise ParameterError(f"Regions are called {', '.join(regions.REGIONS)}; the lesion is needed.")
        found = {name: regions.regionOf(elastogram, valueNode, what) for name, what in drawn.items()}
        return assess(
            elastogram,
            LesionRegions(**found),
            parameters or AssessmentParameters(),
            box_center=None if boxPointNode is None else regions.pointOf(valueNode, boxPointNode),
            precompression=precompression,
            confirmed=confirmed,
            volume=screens.slicesOf(*elastogramnodes.sourceOf(valueNode), elastogram),
        )

    def showAssessment(self, assessment: Assessment, valueNode) -> measurementnodes.MeasurementNodes:
        """Show what :meth:`assess` found in the scene: two tables and the measured regions."""
        return measurementnodes.showAssessment(assessment, valueNode)

    def measure(self, valueNode, drawn: Mapping[str, object], *arguments, **options):
        """:meth:`assess` and :meth:`showAssessment` in one; gives the MeasurementNodes."""
        return self.showAssessment(self.assess(valueNode, drawn, *arguments, **options), valueNode)

    def readings(self) -> tuple[Reading, ...]:
        """The readings stored in the scene."""
        return readingsnodes.readingsOf(readingsnodes.findReadings())

    def store(self, assessment: Assessment, **description) -> Reading:
        """Store what was measured as a reading.

        Parameters
        ----------
        assessment : Assessment
            From :meth:`assess`.
        **description
            ``lesion``, ``reader`` (a label, never a name) and, optionally, ``repeat`` (the next one otherwise),
            ``patient`` (a pseudonym) and ``outcome`` (``malignant`` or ``benign``).

        Raises
        ------
        ResultError
            When this repeat is stored already.
        """
        from MicrocalcElastographyLib.readings import next_repeat, reading_of, with_reading

        stored = self.readings()
        repeat = description.pop("repeat", None) or next_repeat(stored, description["lesion"], description["reader"])
        reading = reading_of(
            assessment.measurement,
            assessment.scores,
            assessment.checks,
            repeat=repeat,
            warnings=assessment.warnings,
            descriptors=assessment.descriptors,
            **description,
        )
        readingsnodes.showReadings(with_reading(stored, reading))
        return reading

    def setReadings(self, readings: Sequence[Reading]):
        """Replace the readings of the scene, to delete some or to undo; gives the table node."""
        return readingsnodes.showReadings(readings)

    def exportReadings(self, folder: Path | str) -> list[Path]:
        """Write ``readings.csv`` (one row per reading, for a study), ``lesions.csv`` and ``readings.json``.

        Raises
        ------
        ParameterError
            When nothing is stored.
        """
        from MicrocalcElastographyLib.results import write_readings_files

        return write_readings_files(self.readings(), Path(folder))

    def exportPicture(self, assessment: Assessment, folder: Path | str, lesion: str, reader: str) -> list[Path]:
        """Write the annotated picture of a measurement, and its values as a volume; names of the files."""
        from MicrocalcElastographyLib.cohort.wording import file_name
        from MicrocalcElastographyLib.results import write_assessment

        name = file_name(f"{lesion} {reader}") or "measurement"
        title = " · ".join(filter(None, (lesion, reader and f"reader {reader}")))
        write_assessment(assessment, Path(folder), name, title)
        return [Path(folder) / f"{name}{suffix}" for suffix in (".png", "_values.nrrd")]

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
        from MicrocalcAILib.base.provenance import sha256_of_file
        from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
        from MicrocalcElastographyLib.cohort.columns import ColumnChoices
        from MicrocalcElastographyLib.cohort.lesions import read_cohort
        from MicrocalcElastographyLib.cohort.outputs import record_of, write_study

        with tempfile.TemporaryDirectory() as folder:
            table = StudySource.of(source, Path(folder))
            cohort = read_cohort([table.path], ColumnChoices(outcome=outcome or None))
            digests = {"SHA-256 of table 1": sha256_of_file(table.path)}
        analysis = analyze_cohort(cohort, options or StudyOptions(title=table.title), inputs=digests)
        if reportFolder is not None:
            write_study(analysis, Path(reportFolder) / REPORT_FOLDER)
        return cohortnodes.showStudy(record_of(analysis), table.study, table.title)

    def startCohort(self, source, request: StudyRequest, reportFolder: Path | None = None) -> CohortRun:
        """:meth:`analyzeCohort` in a child process; returns at once.

        Call ``update()`` from time to time until it is True, and read ``results`` (CohortNodes); ``cancel()`` ends it.
        """
        return CohortRun(source, request, reportFolder, self.showStudyFolder, self._startProcess)

    def showStudyFolder(self, folder: Path, source: StudySource) -> cohortnodes.CohortNodes:
        """Show a study that was written into a folder."""
        from MicrocalcElastographyLib.cohort.outputs import load_study

        return cohortnodes.showStudy(load_study(folder), source.study, source.title)

    def columnsOf(self, source, request: StudyRequest) -> list[tuple[str, str]]:
        """Every column of a study's table and what it is taken for, before anything is analyzed.

        Raises
        ------
        MicrocalcError
            When the table cannot be read or no outcome can be told.
        """
        from MicrocalcElastographyLib.cohort.columns import ColumnChoices, guess_columns
        from MicrocalcElastographyLib.cohort.table import read_table

        choices = ColumnChoices(
            outcome=request.outcome or None,
            malignant_values=request.malignantValues,
            lesion=request.lesion or None,
            patient=request.patient or None,
            reader=request.reader or None,
            repeat=request.repeat or None,
            parameters=request.parameters,
            ignored=request.ignored,
        )
        with tempfile.TemporaryDirectory() as folder:
            table = read_table([StudySource.of(source, Path(folder)).path])
        return list(guess_columns(table, choices).reasons.items())

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


def _calibrationOf(given: Mapping[str, object]) -> Calibration:
    """What the user gave, by the names of :meth:`MicrocalcElastographyLogic.process`."""
    names = ("box", "bar", "colorTable", "valuesAtEnds", "unit", "opacity", "spacingMm")
    box, bar, colorTable, ends, unit, opacity, spacingMm = (given.get(name) for name in names)
    spacing = None if spacingMm is None else (spacingMm, spacingMm)
    return _calibration(box, bar, colorTable, ends, None if unit is None else Unit(unit), opacity, spacing)


def _calibration(box, bar, colorTable, valuesAtEnds, unit, opacity, spacing) -> Calibration:
    from MicrocalcElastographyLib.calibration import Calibration
    from MicrocalcElastographyLib.profiles import known_profiles

    if opacity is not None and not 0.0 < opacity <= 1.0:
        raise ParameterError("The opacity is a share above 0 and up to 1 (100 %).")

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
        profiles=known_profiles(),
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
