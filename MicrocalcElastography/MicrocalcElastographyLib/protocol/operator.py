"""What only the examiner knows about an acquisition; no picture shows it."""

from __future__ import annotations

from collections.abc import Collection

from MicrocalcAILib.base.errors import ParameterError

from .check import Check, Status

OPERATOR_RULES = {
    "position": ("Supine, arm raised", "supine"),
    "image-plane": ("Image plane perpendicular to the chest wall", "perpendicular"),
    "breath-hold": ("Breath held", "3 to 5 s"),
    "stable-image": ("Acquired until the image was stable", "3 s"),
    "recovery": ("Pause since the last acquisition", "≥ 10 s"),
}
"""Title and limit of each rule by code; all of them after Yan & Fang 2025."""


def check_operator(confirmed: Collection[str]) -> tuple[Check, ...]:
    """The rules that the examiner confirmed pass; whether the others were kept cannot be told.

    Parameters
    ----------
    confirmed : collection of str
        Codes of `OPERATOR_RULES`.

    Raises
    ------
    ParameterError
        For an unknown code.
    """
    unknown = sorted(set(confirmed) - set(OPERATOR_RULES))
    if unknown:
        raise ParameterError(f"There is no rule “{unknown[0]}”; choose {', '.join(OPERATOR_RULES)}.")
    checks = []
    for code, (title, limit) in OPERATOR_RULES.items():
        is_confirmed = code in confirmed
        message = f"{title}: confirmed by the examiner." if is_confirmed else f"{title}: not confirmed."
        status = Status.PASS if is_confirmed else Status.CANNOT_TELL
        checks.append(Check(code, title, status, None, "", limit, message))
    return tuple(checks)
