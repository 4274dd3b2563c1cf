"""The Learning section: models that learned from readers, what they changed, and which image to correct next."""

from __future__ import annotations

import ctk
import qt
from slicer.i18n import tr as _

from MicrocalcAILib.base.resources import is_bundled
from MicrocalcAILib.networks.catalogue import find_network, networks
from MicrocalcSlicerShared.panel import showText, valueOf

from .inputvolume import mammogramNodes
from .results import calcificationRows, findResults

_SELECTORS = ("speck selector with networks", "speck selector")
_WORDS = ("lexicon word model",)


class LearningPanel:
    """Lists the user's models beside the bundled ones, and says which analyzed image is most doubtful.

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
        self.selector = ModelChoice(
            _SELECTORS, _("as chosen above"), _("Which selector of specks the next analysis uses.")
        )
        self.words = ModelChoice(_WORDS, _("bundled"), _("Which model suggests the words in the next analysis."))
        self.next = qt.QLabel()
        self.next.setWordWrap(True)
        refresh = qt.QPushButton(_("Look again"))
        refresh.setToolTip(_("List the models anew, and look which image to correct next."))
        for name, choice in ((_("Selector"), self.selector), (_("Words"), self.words)):
            rows.addRow(name, choice.models)
            rows.addRow(choice.changes)
        rows.addRow(_("Correct next"), self.next)
        rows.addRow(refresh)
        refresh.clicked.connect(lambda *_arguments: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """List the models as they are now, and look which image to correct next."""
        self.selector.refresh()
        self.words.refresh()
        doubts = doubtfulImages()
        text = _("Analyze several images first.")
        if doubts:
            text = _("{name}: about {count} doubtful marks.").format(
                name=doubts[0][0].GetName(), count=round(doubts[0][1])
            )
        self.next.setText(text)

    def chosen(self) -> dict[str, str]:
        """The folders of the chosen models by the options of an analysis; those that were not chosen are missing."""
        found = {"selector": self.selector.folder(), "words": self.words.folder()}
        return {name: folder for name, folder in found.items() if folder}


class ModelChoice:
    """A list of the user's models of some kinds, and a label with what the chosen one changed.

    Parameters
    ----------
    kinds : sequence of str
        As on the models' cards.
    usual : str
        Stands for none of them.
    purpose : str
        The list's tool tip.
    """

    def __init__(self, kinds, usual, purpose):
        self._kinds, self._usual = kinds, usual
        self.models, self.changes = qt.QComboBox(), qt.QLabel()
        self.models.setToolTip(purpose)
        self.changes.setWordWrap(True)
        self._cards: list[tuple[str, dict]] = []
        self.models.currentIndexChanged.connect(lambda *_arguments: self._showChanges())

    def refresh(self) -> None:
        """List the models as they are now; a chosen one that is still there stays chosen."""
        chosen = self.folder()
        found = {name: card for kind in self._kinds for name, card in networks(kind).items()}
        self._cards = sorted((name, card) for name, card in found.items() if not is_bundled(find_network(name)))
        self.models.clear()
        self.models.addItem(self._usual)
        for name, _card in self._cards:
            self.models.addItem(name)
        paths = [str(find_network(name)) for name, _card in self._cards]
        self.models.setCurrentIndex(1 + paths.index(chosen) if chosen in paths else 0)
        self._showChanges()

    def folder(self) -> str:
        """The folder of the chosen model; empty for none."""
        card = self._chosen()
        return "" if card is None else str(find_network(card[0]))

    def _chosen(self) -> tuple[str, dict] | None:
        index = int(valueOf(self.models.currentIndex)) - 1
        return self._cards[index] if 0 <= index < len(self._cards) else None

    def _showChanges(self) -> None:
        card, lines = self._chosen(), []
        if card is not None:
            from MicrocalcAILib.training.gone_on import changes_of

            lines = changes_of(card[1])
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
