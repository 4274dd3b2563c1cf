"""The Learning section: selectors that learned from corrections, what they changed, and which image to correct next."""

from __future__ import annotations

import ctk
import qt
from slicer.i18n import tr as _

from MicrocalcAILib.networks.catalogue import find_network, networks
from MicrocalcSlicerShared.panel import showText, valueOf

from .inputvolume import mammogramNodes
from .results import calcificationRows, findResults

_KINDS = ("speck selector with networks", "speck selector")


class LearningPanel:
    """Lists the user's selectors beside the bundled one, and says which analyzed image is most doubtful.

    Parameters
    ----------
    layout : QLayout
        Gets the section.
    """

    def __init__(self, layout):
        self.section = ctk.ctkCollapsibleButton()
        self.section.setProperty("text", _("Learning"))
        self.section.setProperty("collapsed", True)
        layout.addWidget(self.section)
        rows = qt.QFormLayout(self.section)
        self.models, self.changes, self.next = qt.QComboBox(), qt.QLabel(), qt.QLabel()
        self.models.setToolTip(_("Which selector of specks the next analysis uses."))
        for label in (self.changes, self.next):
            label.setWordWrap(True)
        refresh = qt.QPushButton(_("Look again"))
        refresh.setToolTip(_("List the models anew, and look which image to correct next."))
        rows.addRow(_("Selector"), self.models)
        rows.addRow(self.changes)
        rows.addRow(_("Correct next"), self.next)
        rows.addRow(refresh)
        self._cards: list[tuple[str, dict]] = []
        self.models.currentIndexChanged.connect(lambda *_arguments: self._showChanges())
        refresh.clicked.connect(lambda *_arguments: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """List the models as they are now, and look which image to correct next."""
        chosen = self.selector()
        found = {name: card for kind in _KINDS for name, card in networks(kind).items() if "adaptation" in card}
        self._cards = sorted(found.items())
        self.models.clear()
        self.models.addItem(_("as chosen above"))
        for name, _card in self._cards:
            self.models.addItem(name)
        paths = [str(find_network(name)) for name, _card in self._cards]
        self.models.setCurrentIndex(1 + paths.index(chosen) if chosen in paths else 0)
        self._showChanges()
        doubts = doubtfulImages()
        text = _("Analyze several images first.")
        if doubts:
            text = _("{name}: about {count} doubtful marks.").format(
                name=doubts[0][0].GetName(), count=round(doubts[0][1])
            )
        self.next.setText(text)

    def selector(self) -> str:
        """The folder of the chosen selector; empty for the one that is chosen among the options."""
        index = int(valueOf(self.models.currentIndex)) - 1
        return str(find_network(self._cards[index][0])) if 0 <= index < len(self._cards) else ""

    def _showChanges(self) -> None:
        index = int(valueOf(self.models.currentIndex)) - 1
        lines = []
        if 0 <= index < len(self._cards):
            from MicrocalcAILib.training.comparison import comparison_lines

            card = self._cards[index][1]
            lines = [card["training_data"], *comparison_lines(card["adaptation"]["comparison"])]
        showText(self.changes, "\n".join(lines))


def doubtfulImages() -> list[tuple[object, float]]:
    """Analyzed images of the scene with the mistakes expected among their marks, most doubtful first."""
    from MicrocalcAILib.editing.doubt import expected_mistakes

    found = []
    for node in mammogramNodes():
        results = findResults(node)
        if results is not None:
            rows = [row for row in calcificationRows(results) if row.get("source", "machine") == "machine"]
            found.append((node, expected_mistakes([float(row["probability"]) for row in rows])))
    return sorted(found, key=lambda pair: -pair[1])
