"""Readers' names and the labels that stand for them in every output; names stay in the settings of this computer."""

from __future__ import annotations

import string

import qt

_GROUP = "MicrocalcElastography/Readers"
CONSENSUS = "consensus"


def labelOf(name: str) -> str:
    """The label of a reader: the one used before on this computer, else the next free letter; '' for no name."""
    key = _key(name)
    if not key:
        return ""
    known = _labels()
    if key not in known:
        letters = (*string.ascii_uppercase, *(f"R{number}" for number in range(27, 1000)))
        setLabel(name, next(letter for letter in letters if letter not in known.values()))
    return _labels()[key]


def setLabel(name: str, label: str) -> None:
    """Let a label stand for a reader from now on, on this computer."""
    settings = qt.QSettings()
    settings.setValue(f"{_GROUP}/{_key(name)}", label)


def _labels() -> dict[str, str]:
    settings = qt.QSettings()
    settings.beginGroup(_GROUP)
    found = {str(key): str(settings.value(key)) for key in settings.childKeys()}
    settings.endGroup()
    return found


def _key(name: str) -> str:
    """A name as a settings key; slashes would make groups."""
    return " ".join(name.casefold().replace("/", " ").replace("\\", " ").split())
