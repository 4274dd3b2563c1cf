"""The tab “Image”: load a screen, convert it, compare what was read with the screen, correct it."""

import tempfile
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcSlicerShared.nodes import removeNode
from MicrocalcSlicerShared.panel import enable, showText, valueOf

from . import regions, screens, views
from .cinetexts import cineText
from .elastogramnodes import calibrationOf, isOwn, meaningOf, qualityOf, referenceOf, shownVolumes, warningsOf
from .nodes import refer, referred
from .parameternode import SCALE_LIMIT, ColorTable, ScaleUnit, StrainDirection
from .section import Section

_CORRECTED, _BAR, _BOX, _DRAWN_ON = "CorrectedVolume", "BarRegion", "BoxRegion", "DrawnOn"
_CORNERS = "CornerPoints"
_PICTURE_PX = (820, 640)
_SHOWN_PX = (410, 320)
_COLORS = {_BAR: (1.0, 0.31, 0.85), _BOX: (0.35, 0.88, 1.0)}


class ImageSection(Section):
    """From a screen to kPa, confirmed and corrected by the user."""

    def __init__(self, panel):
        super().__init__(panel)
        self._picture = ()  # what the picture shows: node, its age; None for no picture
        self._cine = None  # what was found about the frames of the selected volume
        self._tried = None  # calibration of a screen that could not be converted, and its volume

    def connect(self):
        self.ui.loadButton.clicked.connect(self.onLoad)
        self.ui.convertButton.clicked.connect(self.onConvert)
        self.ui.convertAgainButton.clicked.connect(self.onConvert)
        self.ui.profileEdit.textChanged.connect(self.onProfileName)
        self.ui.profileButton.clicked.connect(self.onKeepProfile)
        self.ui.cineButton.clicked.connect(self.onFollowCine)
        self.ui.cineSlider.valueChanged.connect(self.onSlide)
        self.ui.resetButton.clicked.connect(self.onReset)
        self.ui.barButton.clicked.connect(self.onMarkBar)
        self.ui.boxButton.clicked.connect(self.onMarkBox)
        self.ui.photoButton.clicked.connect(self.onStraighten)
        showText(self.ui.statusLabel, "")

    def clear(self):
        self._picture, self._tried, self._cine = (), None, None
        showText(self.ui.statusLabel, "")

    def selectInput(self):
        """Select the first screen of the scene when nothing is selected."""
        if self.parameters.inputVolume is None:
            for volumeNode in slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode"):
                if not isOwn(volumeNode):
                    self.parameters.inputVolume = volumeNode
                    break

    def show(self):
        self._followInput()
        parameters = self.parameters
        isRangeGiven = not parameters.isRangeFromPicture
        self.ui.upperEndSpinBox.setEnabled(isRangeGiven)
        self.ui.lowerEndSpinBox.setEnabled(isRangeGiven)
        install = self.panel.whatToInstall()
        file = "" if parameters.filePath.is_file() else _("Choose the file of a screen capture.")
        cannot = install or self._whyNotConvert()
        nodes = self.panel.elastogram()
        enable(self.ui.loadButton, install or file, _("Load the screen with the right pixel spacing."))
        enable(self.ui.convertButton, cannot, _("Read scale and colors, and compute the value of every pixel."))
        first = "" if nodes is not None or self._tried is not None else _("Convert the screen first.")
        enable(self.ui.convertAgainButton, cannot or first, _("Convert with what is entered here."))
        screen = install or self._whyNoScreen()
        enable(self.ui.barButton, screen, _("Lay a rectangle around the color bar and drag its handles."))
        enable(self.ui.boxButton, screen, _("Lay a rectangle around the elastography box and drag its handles."))
        enable(self.ui.photoButton, screen, _("Make the photo of a screen upright by the screen's four corners."))
        self._showCine()
        self.onProfileName()
        self._showFound(nodes)

    def onProfileName(self, _name=""):
        """A profile can be kept once it has a name."""
        if self.parameters is not None:
            nameless = "" if self._profileName() else _("Name the profile: the scanner, and its preset.")
            why = self.panel.whatToInstall() or self._whyNoScreen() or nameless
            enable(self.ui.profileButton, why, _("Keep the corrections above for all screens of this layout."))

    def _profileName(self):
        return valueOf(self.ui.profileEdit.text).strip()

    def onKeepProfile(self):
        """Keep what is entered for all screens of this layout."""
        parameters, name = self.parameters, self._profileName()
        profile = self.work(
            self.ui.statusLabel,
            lambda: self.logic.saveProfile(name, parameters.inputVolume, parameters.frame, **self._given()),
        )
        if profile is not None:
            kept = _("Kept as “{name}”: screens of this layout are read with it from now on, and say so.")
            showText(self.ui.statusLabel, kept.format(name=profile.name))

    def onSlide(self, frame):
        """Another frame of the cine."""
        if self.parameters is not None and self.parameters.frame != frame:
            self.parameters.frame = frame
            self.panel.onParametersChanged()

    def onFollowCine(self):
        """Find the steadiest stretch of the frames and go to the one to measure."""
        summary = self.work(
            self.ui.statusLabel, lambda: self.logic.followCine(self.parameters.inputVolume, **self._given())
        )
        if summary is not None:
            self._cine = summary
            self.parameters.frame = summary.chosen
            showText(self.ui.statusLabel, summary.reason)
            self.panel.onParametersChanged()

    def _showCine(self):
        volumeNode, slider = self.parameters.inputVolume, self.ui.cineSlider
        image = None if volumeNode is None else volumeNode.GetImageData()
        frames = 1 if image is None else image.GetDimensions()[2]
        isCine = frames > 1 and screens.isScreen(volumeNode)
        for widget in (slider, self.ui.cineButton):
            widget.setVisible(isCine)
        if isCine:
            slider.setRange(0, frames - 1)
            slider.setValue(self.parameters.frame)
            why = self.panel.whatToInstall() or self._whyNoScreen()
            enable(self.ui.cineButton, why, _("Read all frames and find where the elastogram changes least."))
        showText(self.ui.cineLabel, cineText(self._cine) if isCine and self._cine is not None else "")

    def onLoad(self):
        node = self.work(self.ui.statusLabel, lambda: self.logic.load(self.parameters.filePath))
        if node is not None:
            self.parameters.inputVolume = node
            self.parameters.frame = 0
            views.showScreen(node)
            showText(self.ui.statusLabel, _("Loaded."))
            self.panel.onParametersChanged()

    def onConvert(self):
        volumeNode, frame = self.parameters.inputVolume, self.parameters.frame
        self._tried = None
        nodes = self.work(self.ui.statusLabel, self._convert)
        if nodes is None:
            self._tryToRead(volumeNode, frame)
            self.show()
            return
        self._adopt(nodes)
        views.showSideBySide(nodes)
        for roiNode in filter(None, (self.parameters.barRegion, self.parameters.boxRegion)):
            views.showOnlySideBySide(roiNode, shownVolumes(nodes.valueNode))
        showText(self.ui.statusLabel, _("Converted. Compare the numbers below with the screen."))
        self.panel.onParametersChanged()

    def onReset(self):
        """Take everything from the picture again."""
        with slicer.util.NodeModify(self.logic.getParameterNode()):
            self._setCorrections(None)

    def onMarkBar(self):
        self._mark(_BAR, _("color bar"))

    def onMarkBox(self):
        self._mark(_BOX, _("elastography box"))

    def onStraighten(self):
        """Make a photo upright: by the points on its corners, else by corners that are found."""
        volumeNode, frame = self.parameters.inputVolume, self.parameters.frame
        pointsNode = referred(volumeNode, _CORNERS)
        node = self.work(
            self.ui.statusLabel,
            lambda: self.logic.straighten(
                volumeNode, frame, () if pointsNode is None else regions.cornersOf(pointsNode, volumeNode)
            ),
        )
        if node is None:
            if pointsNode is None:
                self._askForCorners(volumeNode, frame)
            return
        removeNode(pointsNode)
        self.parameters.inputVolume, self.parameters.frame = node, 0
        views.showScreen(node)
        showText(self.ui.statusLabel, _("Straightened. Convert it like any screen."))
        self.panel.onParametersChanged()

    def _askForCorners(self, volumeNode, frame):
        name = _("{photo} corners").format(photo=volumeNode.GetName())
        pointsNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        pointsNode.CreateDefaultDisplayNodes()
        names = (_("upper left"), _("upper right"), _("lower right"), _("lower left"))
        regions.placeCorners(pointsNode, volumeNode, frame, names)
        refer(volumeNode, _CORNERS, pointsNode)
        views.showScreen(volumeNode)
        views.showOnlyOver(pointsNode, [volumeNode])
        why = valueOf(self.ui.statusLabel.text)
        drag = _("Drag the four points onto the corners of the screen, then press “Straighten photo” again.")
        showText(self.ui.statusLabel, f"{why}\n{drag}")

    def _convert(self):
        parameters = self.parameters
        return self.logic.process(
            parameters.inputVolume,
            frame=parameters.frame,
            direction=parameters.strainDirection.value,
            **self._given(),
        )

    def _given(self):
        """What the user entered, as the logic's arguments; None where the picture decides."""
        parameters = self.parameters
        return {
            "unit": parameters.unit.value,
            "valuesAtEnds": None if parameters.isRangeFromPicture else (parameters.upperEnd, parameters.lowerEnd),
            "opacity": parameters.opacityPercent / 100.0 if parameters.opacityPercent > 0 else None,
            "spacingMm": parameters.spacingMm if parameters.spacingMm > 0 else None,
            "colorTable": parameters.colorTable.value,
            "box": self._sides(parameters.boxRegion),
            "bar": self._sides(parameters.barRegion),
        }

    def _sides(self, roiNode):
        """Left, top, right and bottom of a marked rectangle in pixels of the screen."""
        if roiNode is None:
            return None
        place = regions.rectangleOf(roiNode, referred(roiNode, _DRAWN_ON) or self.parameters.inputVolume)
        return place.left, place.top, place.right, place.bottom

    def _tryToRead(self, volumeNode, frame):
        """After a refusal: show what was found, say what is missing, and open the fields for it."""
        if self._whyNoScreen():
            return
        try:
            calibration = self.logic.findCalibration(volumeNode, frame, **self._given())
        except MicrocalcError:
            return  # the reason is shown already
        self._tried = (volumeNode, calibration)
        if calibration.values_at_ends is None:
            self.parameters.isRangeFromPicture = False

    def _adopt(self, nodes):
        """Show what the conversion used in the fields and the rectangles."""
        calibration = calibrationOf(nodes.valueNode)
        if calibration is None:
            return
        if self.parameters.isRangeFromPicture and calibration.values_at_ends is not None:
            ends = (min(max(float(end), -SCALE_LIMIT), SCALE_LIMIT) for end in calibration.values_at_ends)
            self.parameters.upperEnd, self.parameters.lowerEnd = ends  # a misread number must not stop the display
        screenNode, frame = referenceOf(nodes.valueNode)
        for role, roiNode, place in (
            (_BAR, self.parameters.barRegion, calibration.bar),
            (_BOX, self.parameters.boxRegion, calibration.box),
        ):
            refer(nodes.valueNode, role, roiNode)
            if roiNode is not None and place is not None:
                regions.placeRectangle(roiNode, place, screenNode, frame)
                refer(roiNode, _DRAWN_ON, screenNode)

    def _mark(self, role, name):
        nodes = self.panel.elastogram()
        volumeNode, frame = self.parameters.inputVolume, self.parameters.frame
        calibration = self._tried[1] if self._tried is not None else None
        if nodes is not None:
            volumeNode, frame = referenceOf(nodes.valueNode)
            calibration = calibrationOf(nodes.valueNode)
        found = None if calibration is None else calibration.bar if role == _BAR else calibration.box
        roiNode = self.parameters.barRegion if role == _BAR else self.parameters.boxRegion
        if roiNode is None:
            roiNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"{volumeNode.GetName()} {name}")
            _style(roiNode, _COLORS[role])
        regions.placeRectangle(roiNode, found or _guess(role, screens.colorsOf(volumeNode, frame)), volumeNode, frame)
        refer(roiNode, _DRAWN_ON, volumeNode)
        if role == _BAR:
            self.parameters.barRegion = roiNode
        else:
            self.parameters.boxRegion = roiNode
        views.showScreen(volumeNode)
        views.showOnlyOver(roiNode, [volumeNode])
        showText(self.ui.statusLabel, _("Drag the rectangle around the {what}, then convert again.").format(what=name))

    def _followInput(self):
        """Corrections belong to an image: another image brings its own, or none."""
        volumeNode, memory = self.parameters.inputVolume, self.logic.getParameterNode()
        if referred(memory, _CORRECTED) is volumeNode:
            return
        self._tried = self._cine = None
        showText(self.ui.statusLabel, "")
        with slicer.util.NodeModify(memory):
            refer(memory, _CORRECTED, volumeNode)
            self._setCorrections(self.panel.elastogram())

    def _setCorrections(self, nodes):
        """The corrections that an elastogram was made with; none without one."""
        from MicrocalcElastographyLib.calibration import GIVEN, Calibration

        calibration = (None if nodes is None else calibrationOf(nodes.valueNode)) or Calibration()

        def given(name):
            return getattr(calibration, name) if calibration.sources.get(name) == GIVEN else None

        parameters, ends = self.parameters, calibration.values_at_ends or (0.0, 0.0)
        unit, direction = given("unit"), None
        if nodes is not None and nodes.screenNode is None:  # nothing but the user tells them for a map of values
            unit, direction = meaningOf(nodes.valueNode)
        opacity, spacing = given("opacity"), given("spacing_mm")
        parameters.isRangeFromPicture = given("values_at_ends") is None
        parameters.upperEnd, parameters.lowerEnd = (float(end) for end in ends)
        parameters.unit = ScaleUnit(unit)
        parameters.strainDirection = StrainDirection(direction if unit == Unit.STRAIN else None)
        parameters.opacityPercent = 0.0 if opacity is None else 100.0 * opacity
        parameters.spacingMm = 0.0 if spacing is None else float(spacing[0])
        parameters.colorTable = ColorTable(given("color_table"))
        parameters.barRegion = None if nodes is None else referred(nodes.valueNode, _BAR)
        parameters.boxRegion = None if nodes is None else referred(nodes.valueNode, _BOX)

    def _whyNotConvert(self):
        parameters = self.parameters
        try:
            self.logic.checkInput(
                parameters.inputVolume, parameters.frame, parameters.unit is not ScaleUnit.FROM_PICTURE
            )
        except MicrocalcError as error:
            return str(error)
        return ""

    def _whyNoScreen(self):
        volumeNode = self.parameters.inputVolume
        why = "" if volumeNode is None else self._whyNotConvert()
        if volumeNode is None or why or not screens.isScreen(volumeNode):
            return why or _("Select a color screen of the scanner first.")
        return ""

    def _showFound(self, nodes):
        """The screen with what was found, and in words where each number comes from."""
        source, key, warnings, calibration = None, None, (), None
        if nodes is not None:
            calibration, warnings = calibrationOf(nodes.valueNode), warningsOf(nodes.valueNode)
            source = None if nodes.screenNode is None else referenceOf(nodes.valueNode)
            key = (nodes.valueNode.GetID(), nodes.valueNode.GetMTime())
        elif self._tried is not None:
            volumeNode, calibration = self._tried
            source, warnings = (volumeNode, self.parameters.frame), calibration.warnings
            key = (volumeNode.GetID(), id(calibration))
        if key != self._picture:
            self._picture = key
            self._drawPicture(source, calibration)
        showText(self.ui.warningsLabel, "\n".join(f"⚠ {warning.message}" for warning in warnings))
        self.ui.summaryLabel.setText(_summary(nodes, calibration))

    def _drawPicture(self, source, calibration):
        if source is None or calibration is None:
            self.ui.pictureLabel.clear()
            self.ui.pictureLabel.setVisible(False)
            return
        from MicrocalcElastographyLib.results.calibration_picture import draw_calibration

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "screen.png"
            draw_calibration(screens.colorsOf(*source), calibration, _PICTURE_PX).save(path)
            pixmap = qt.QPixmap(str(path))
        self.ui.pictureLabel.setPixmap(pixmap.scaled(*_SHOWN_PX, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation))
        self.ui.pictureLabel.setVisible(True)


def _guess(role, rgb):
    """Where to lay a rectangle on a screen of which nothing is known."""
    rows, columns = rgb.shape[:2]
    if role == _BAR:
        return Rectangle(rows // 4, 9 * columns // 10, 3 * rows // 4, 9 * columns // 10 + max(columns // 50, 8))
    return Rectangle(rows // 4, columns // 4, 3 * rows // 4, 3 * columns // 4)


def _style(roiNode, color):
    """A rectangle that is dragged by its handles, in the colors of the picture."""
    roiNode.CreateDefaultDisplayNodes()
    displayNode = roiNode.GetDisplayNode()
    displayNode.SetSelectedColor(*color)
    displayNode.SetColor(*color)
    displayNode.SetFillVisibility(False)
    displayNode.SetHandlesInteractive(True)
    displayNode.SetRotationHandleVisibility(False)
    displayNode.SetPropertiesLabelVisibility(False)


def _summary(nodes, calibration):
    """What is known, each with where it comes from; what is missing last."""
    if calibration is None:
        return _("Map of values.") if nodes is not None else _("This image has not been converted.")
    unit = "" if calibration.unit is None else f" {calibration.unit}"
    spacing, ends = calibration.spacing_mm, calibration.values_at_ends
    shown = {
        "values_at_ends": (_("Scale"), ends and f"{min(ends):g} to {max(ends):g}{unit}"),
        "opacity": (_("Opacity"), calibration.opacity and f"{calibration.opacity:.0%}"),
        "spacing_mm": (_("Pixel size"), spacing and f"{spacing[0]:.4g} mm"),
        "b_mode_offset": (_("Paired B-mode"), calibration.b_mode_offset and _("yes")),
        "color_table": (_("Colors"), calibration.color_table),
        "profile": (_("Profile of the scanner"), calibration.profile),
    }
    lines = [
        f"<b>{title}: {text}</b> – {calibration.sources.get(name, '')}" for name, (title, text) in shown.items() if text
    ]
    if nodes is not None:
        quality = qualityOf(nodes.valueNode)
        lines.append(
            _("<b>Box: {valid:.0%} with a value</b>, {void:.0%} void, {high:.0%} at the upper end").format(
                valid=quality.valid_fraction, void=quality.void_fraction, high=quality.saturated_high_fraction
            )
        )
    if calibration.missing:
        lines.append("<b>⚠ " + _("Still to be entered: {what}.").format(what=", ".join(calibration.missing)) + "</b>")
    return "<br>".join(lines)
