"""Model folders: files with a card that says what they are, on what they were trained, and their SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ModelError
from .files import folder_replaced_on_success
from .resources import is_bundled

CARD_FILE = "card.json"


def write_model_folder(
    folder: Path, kind: str, schema: int, card: Mapping[str, Any], files: Mapping[str, str | bytes]
) -> dict[str, Any]:
    """Write a model and its card; an older model in that folder is replaced when all is written.

    Parameters
    ----------
    folder : Path
    kind : str
        What the model is, e.g. ``cluster classifier``.
    schema : int
        Version of the files' layout; readers refuse others.
    card : mapping
        JSON-ready; ``kind``, ``schema`` and ``sha256`` are added.
    files : mapping, name -> text or bytes

    Returns
    -------
    dict
        The card as written.
    """
    contents = {name: file if isinstance(file, bytes) else file.encode("utf-8") for name, file in files.items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    written = {"kind": kind, "schema": schema, **card, "sha256": digests}
    with folder_replaced_on_success(folder, CARD_FILE) as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        text = json.dumps(written, indent=2, ensure_ascii=False, allow_nan=False)
        (temporary / CARD_FILE).write_text(text + "\n", encoding="utf-8")
    return written


def model_kind(folder: Path) -> str:
    """What a model is by its card; empty when the card cannot be read."""
    try:
        return str(json.loads((Path(folder) / CARD_FILE).read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def read_model_folder(folder: Path, kind: str, schema: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The card of a model and the texts of the files it lists.

    Raises
    ------
    ModelError
        When a file is missing or altered, or the model is of another kind or version.
    """
    card, contents = read_model_files(folder, kind, schema)
    return card, {name: content.decode("utf-8") for name, content in contents.items()}


def read_model_files(folder: Path, kind: str, schema: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The card of a model and the contents of the files it lists; raises as :func:`read_model_folder` does.

    The card says where it lay: its ``origin`` is ``bundled`` or ``user``.
    """
    folder = Path(folder)
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        found, version, digests = card["kind"], card["schema"], dict(card["sha256"])
        if any(Path(name).name != name for name in digests):
            raise ValueError
        contents = {name: (folder / name).read_bytes() for name in digests}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"The {kind} “{folder.name}” cannot be read ({type(error).__name__}); "
            "train it again or reinstall Microcalc."
        ) from error
    if found != kind:
        raise ModelError(f"“{folder.name}” is a {found}, not a {kind}; choose another model folder.")
    if version != schema:
        raise ModelError(
            f"The {kind} “{folder.name}” was made for another version of Microcalc "
            f"(layout {version}, this version reads {schema}); train it again."
        )
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != digests[name]:
            raise ModelError(
                f"The {kind} “{folder.name}” was altered: the SHA-256 of {name} is not the one on its card; restore it."
            )
    card["origin"] = "bundled" if is_bundled(folder) else "user"
    return card, contents
