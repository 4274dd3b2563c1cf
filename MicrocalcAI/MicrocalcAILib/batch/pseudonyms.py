"""Outputs without the names of files: a pseudonym for each input, and the key, which is kept elsewhere."""

from __future__ import annotations

import csv
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from .plan import Item

_COLUMNS = ["pseudonym", "path"]


def pseudonymized(items: Sequence[Item], key_file: Path, output: Path) -> list[Item]:
    """The items under pseudonyms, whose key is written to ``key_file``; inputs that it knows keep theirs.

    Raises
    ------
    ParameterError
        When the key would lie among the results, or the file is something else.
    """
    key_file = Path(key_file).resolve()
    if Path(output).resolve() in key_file.parents:
        raise ParameterError("The key of the pseudonyms would lie among the results; choose a file elsewhere.")
    known = _read(key_file)
    for item in items:
        known.setdefault(str(item.path), f"image-{secrets.token_hex(6)}")
    with replaced_on_success(key_file) as temporary:
        temporary.touch(mode=0o600)
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows((pseudonym, path) for path, pseudonym in known.items())
    return [
        replace(item, name=pseudonym, folder=pseudonym, source=pseudonym)
        for item, pseudonym in ((item, known[str(item.path)]) for item in items)
    ]


def _read(key_file: Path) -> dict[str, str]:
    if not key_file.exists():
        return {}
    try:
        with key_file.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        if header != _COLUMNS:
            raise ValueError
        return {path: pseudonym for pseudonym, path in rows}
    except (OSError, ValueError) as error:
        raise ParameterError("The file for the pseudonyms holds something else; choose another one.") from error
