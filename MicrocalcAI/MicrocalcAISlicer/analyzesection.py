"""The panel's section that runs the analysis: what to run, one button, progress, status."""

import enum
from pathlib import Path

from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.base.parameters import SIMULATED_CLASSIFIER
from MicrocalcSlicerShared.panel import enable, showText

from .inputvolume import hasPlausibleSpacing
from .options import hasNetwork, hasTorchvision
from .parameternode import Heatmap


class PanelState(enum.Enum):
    """What the panel is doing; the one button is Analyze or Cancel accordingly."""

    IDLE = enum.auto()
    RUNNING = enum.auto()


class AnalyzeSection:
    """Starts, follows and ends the analysis of the chosen images.

    Parameters
    ----------
    ui : namespace
        The panel's widgets.
    logic : MicrocalcAILogic
    timer : QTimer
        Stopped; it has to call :meth:`onTimer`.
    onOutcome : callable
        Gets the :class:`~.analysisqueue.Outcome` of each image.
    onEnded : callable
        Called when nothing runs any more.
    ownModels : callable
        Gives the folders of own models that are used instead of the parameters' ones, by the options of an analysis.
    """

    def __init__(self, ui, logic, timer, onOutcome, onEnded, ownModels):
        self.ui = ui
        self.logic = logic
        self._timer = timer
        self._onOutcome = onOutcome
        self._onEnded = onEnded
        self._ownModels = ownModels
        self._queue = None
        ui.calcificationsCheckBox.setEnabled(False)  # without them there is nothing else
        showText(ui.statusLabel, "")
        self._showState()

    @property
    def state(self) -> PanelState:
        return PanelState.IDLE if self._queue is None else PanelState.RUNNING

    def start(self, parameters, chosen, hasNetworks, isExam=False):
        """Start the analysis of the chosen images, each of an exam with results of its own.

        What was refused is said in the panel; gives whether the analysis runs.
        """
        try:
            self._queue = self.logic.processImages(
                chosen,
                waitForCompletion=False,
                spacingMm=_given(parameters.spacingMm),
                roiNode=parameters.regionOfInterest,
                falseMarksPerCm2=parameters.falseMarksPerCm2,
                outputSegmentationNode=None if isExam else _output(parameters),
                heatmaps=_heatmaps(parameters) if hasNetworks else [],
                detector="default" if hasNetworks and parameters.lesionBoxes and not _whyNoBoxes() else None,
                device=parameters.device.value,
                classifier=_classifier(parameters),
                **{"selector": parameters.selector.value, **self._ownModels()},
            )
        except MicrocalcError as error:
            showText(self.ui.statusLabel, str(error))
            return False
        self._timer.start()
        self._showState()
        self._showProgress()
        return True

    def cancel(self):
        """End the analysis and say what stays."""
        finished = sum(outcome.results is not None for outcome in self._queue.outcomes)
        text = _("Canceled; nothing was changed.")
        if finished:
            text = _("Canceled; {count} finished images keep their results.").format(count=finished)
        self.stop()
        showText(self.ui.statusLabel, text)

    def stop(self):
        """End what runs, if anything does."""
        if self._queue is not None:
            self._queue.cancel()
            self._end("")

    def onTimer(self):
        """Look how far the analysis is."""
        if self._queue is None:
            return
        queue, before = self._queue, len(self._queue.outcomes)
        try:
            isFinished = queue.update()
            for outcome in queue.outcomes[before:]:
                self._onOutcome(outcome)
        except Exception:  # whatever went wrong, the panel has to become usable again
            queue.cancel()
            self._end(_("The analysis failed; the application log says why."))
            raise
        if isFinished:
            self._end(_summary(queue.outcomes))
        else:
            self._showProgress()

    def show(self, parameters, chosen, missingPackages, missingNetworkPackages):
        """Enable what can be used now; tooltips say what is missing."""
        ui = self.ui
        for box, missing, purpose in (
            (ui.detectionCheckBox, _whyNot("detection"), _("Where patches of the breast look like calcifications.")),
            (ui.malignancyCheckBox, _whyNot("malignancy"), _("Where calcifications look malignant to a network.")),
            (ui.boxesToFindCheckBox, _whyNoBoxes(), _("Boxes around lesions, with class and score.")),
        ):
            if missingNetworkPackages:
                missing = _("Needs PyTorch: press “Install…” at the top of this panel.")
            enable(box, missing, purpose)
        ui.outputSelector.setEnabled(not parameters.severalImages)
        if self.state is PanelState.RUNNING:
            enable(ui.applyButton, "", _("End the analysis; unfinished images stay as they were."))
        else:
            missing = self._whyNot(parameters, chosen, missingPackages)
            enable(ui.applyButton, missing, _("Find, outline, group and describe the calcifications."))

    def _whyNot(self, parameters, chosen, missingPackages):
        if missingPackages:
            return _("Install the missing packages first, with the button above.")
        if not chosen and parameters.severalImages:
            return _("Check at least one image in the list.")
        for volumeNode in chosen or [None]:
            isKnown = volumeNode is not None and hasPlausibleSpacing(volumeNode)
            try:
                self.logic.checkInput(
                    volumeNode, None if isKnown else _given(parameters.spacingMm), _output(parameters)
                )
            except MicrocalcError as error:
                return str(error)
        return ""

    def _end(self, status):
        self._timer.stop()
        self._queue = None
        showText(self.ui.statusLabel, status)
        self._showState()
        self._onEnded()

    def _showState(self):
        isRunning = self.state is PanelState.RUNNING
        self.ui.applyButton.setText(_("Cancel") if isRunning else _("Analyze"))
        self.ui.applyButton.setEnabled(isRunning)
        self.ui.progressBar.setVisible(isRunning)
        for widget in (self.ui.imagesCollapsibleButton, self.ui.optionsFrame, self.ui.installButton):
            widget.setEnabled(not isRunning)

    def _showProgress(self):
        queue = self._queue
        text = queue.stage.capitalize()
        if queue.total > 1:
            text = _("Image {position} of {total}: {stage}")
            text = text.format(position=queue.position, total=queue.total, stage=queue.stage)
        showText(self.ui.statusLabel, text)
        self.ui.progressBar.setRange(0, 100)
        self.ui.progressBar.setValue(round(100 * queue.share))


def _given(spacingMm):
    return spacingMm if spacingMm > 0 else None


def _output(parameters):
    """The segmentation to write into; several images have one each."""
    return None if parameters.severalImages else parameters.outputSegmentation


def _classifier(parameters):
    if parameters.classifierFolder != Path():
        return parameters.classifierFolder
    return SIMULATED_CLASSIFIER if parameters.simulatedClassifier else None


def _heatmaps(parameters):
    wanted = {Heatmap.DETECTION: parameters.detectionHeatmap, Heatmap.MALIGNANCY: parameters.malignancyHeatmap}
    return [heatmap.value for heatmap, isWanted in wanted.items() if isWanted and hasNetwork(heatmap.value)]


def _whyNot(network):
    return "" if hasNetwork(network) else _("This installation has no network for it.")


def _whyNoBoxes():
    if not hasTorchvision():
        return _("Needs torchvision, which is not installed: install it with Slicer's extension “PyTorch”.")
    return _whyNot("default")


def _summary(outcomes):
    failures = [outcome for outcome in outcomes if outcome.error]
    if len(outcomes) == 1:
        return _("The analysis failed: {reason}").format(reason=failures[0].error) if failures else _("Finished.")
    done = _("Finished: {done} of {total} images.").format(done=len(outcomes) - len(failures), total=len(outcomes))
    return "\n".join([done] + [f"{outcome.volumeNode.GetName()}: {outcome.error}" for outcome in failures])
