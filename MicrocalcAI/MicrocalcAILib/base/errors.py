"""What can go wrong: refusals are raised, everything milder is a warning record carried with the result."""

from __future__ import annotations

from dataclasses import dataclass


class MicrocalcError(Exception):
    """Base of every refusal. The message is one sentence that says what is wrong and what to do."""


class UnreadableImageError(MicrocalcError):
    """The file is damaged, truncated, hostile or not an image."""


class UnsupportedImageError(MicrocalcError):
    """The file is sound, but not something this software may analyze (a tomosynthesis stack, for example)."""


class ParameterError(MicrocalcError):
    """A parameter lies outside its range or does not fit the others."""


class ModelError(MicrocalcError):
    """A model file is missing, altered, or made for another version."""


class MissingPackageError(MicrocalcError):
    """An optional Python package that this work needs is not installed."""


class ResultError(MicrocalcError):
    """A result folder or table is incomplete or was written by something else."""


@dataclass(frozen=True)
class WarningRecord:
    """Something the reader has to know about a result; it travels into every output.

    Parameters
    ----------
    code : str
        Stable short name for programs, words joined by hyphens, e.g. ``spacing-unknown``.
    message : str
        One sentence for people. Never holds patient data or a file path.
    """

    code: str
    message: str
