"""The options of the segment-editor effect, and what it tells its user."""

import ctk
import qt
from slicer.i18n import tr as _

ADD, REMOVE = "add", "remove"  # values of the parameter "Mode"
BY_DISTANCE, SELECTED = "by distance", "selected segment"  # values of the parameter "Target"


class EffectOptions:
    """One set of widgets in one segment editor.

    Parameters
    ----------
    onChoice : callable
        Called with the name of a parameter and its new value.
    onNewCluster, onGroupAgain, onUpdateTables : callable
        The buttons.
    """

    def __init__(self, onChoice, onNewCluster, onGroupAgain, onUpdateTables):
        self._choices = {}
        mode = self._choiceRow(
            "Mode",
            onChoice,
            (
                (ADD, _("Add"), _("Click a speck, or draw around several, to mark them (x switches).")),
                (REMOVE, _("Remove"), _("Click a mark, or draw around several, to remove them (x switches).")),
            ),
        )
        target = self._choiceRow(
            "Target",
            onChoice,
            (
                (BY_DISTANCE, _("cluster nearby"), _("The cluster it is linked to; five within 1 cm make a new one.")),
                (SELECTED, _("selected segment"), _("The segment that is selected in the list above.")),
            ),
        )
        self._contrast = self._slider(1.5, 20.0, 0.5, 1, lambda value: onChoice("LowestContrast", value))
        self._contrast.setToolTip(_("Fainter specks are left alone: peak over local noise."))
        self._probability = self._slider(0.0, 1.0, 0.05, 2, lambda value: onChoice("LowestProbability", value))
        self._probability.setToolTip(
            _("Less likely specks are left alone when you draw around several (+ and − change it). A click takes any.")
        )
        self._preview = qt.QCheckBox(_("Show unmarked specks"))
        self._preview.setToolTip(_("Outline in yellow what drawing around it would mark (u switches)."))
        self._preview.toggled.connect(lambda isOn: onChoice("ShowUnmarked", int(isOn)))
        buttons = qt.QHBoxLayout()
        for text, tip, slot in (
            (_("New cluster"), _("Add a segment for a new cluster and put what you mark there."), onNewCluster),
            (_("Group again"), _("Group all marks by distance, as an analysis does."), onGroupAgain),
            (_("Update tables"), _("After painting or erasing with other effects."), onUpdateTables),
        ):
            button = qt.QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(slot)
            buttons.addWidget(button)
        self._status = qt.QLabel("")
        self._status.setWordWrap(True)
        self.rows = (
            (_("Click or draw to"), mode),
            (_("Mark into"), target),
            (_("Lowest contrast"), self._contrast),
            (_("Lowest probability"), self._probability),
            ("", self._preview),
            ("", buttons),
            ("", self._status),
        )

    def show(self, mode: str, target: str, contrast: float, probability: float, showsUnmarked: bool) -> None:
        """Show parameters without telling anybody."""
        for name, value in (("Mode", mode), ("Target", target)):
            for choice, button in self._choices[name].items():
                button.setChecked(choice == value)
        for widget, write, value in (
            (self._contrast, self._contrast.setValue, contrast),
            (self._probability, self._probability.setValue, probability),
            (self._preview, self._preview.setChecked, showsUnmarked),
        ):
            wasBlocked = widget.blockSignals(True)
            write(value)
            widget.blockSignals(wasBlocked)

    def say(self, text: str) -> None:
        """Tell what was done, or why nothing was."""
        self._status.setText(text)

    def _choiceRow(self, name, onChoice, choices):
        layout = qt.QHBoxLayout()
        self._choices[name] = {}
        for value, text, tip in choices:
            button = qt.QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda *_, value=value: onChoice(name, value))
            layout.addWidget(button)
            self._choices[name][value] = button
        return layout

    @staticmethod
    def _slider(lowest, highest, step, decimals, slot):
        slider = ctk.ctkSliderWidget()
        slider.minimum = lowest
        slider.maximum = highest
        slider.singleStep = step
        slider.pageStep = 4 * step
        slider.decimals = decimals
        slider.valueChanged.connect(slot)
        return slider
