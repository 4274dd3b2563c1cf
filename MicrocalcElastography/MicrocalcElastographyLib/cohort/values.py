"""Cells into numbers and categories; impossible values are refused with their row numbers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from MicrocalcAILib.base.errors import WarningRecord

from .columns import Variable
from .languages import in_english
from .numbers import AmbiguousNumbers, Decimal, read_numbers
from .quantities import quantity_of_key
from .table import TableError, name_rows

_ORDERED_PAIRS = (
    ("elasticity_min", "elasticity_mean"),
    ("elasticity_mean", "elasticity_max"),
    ("elasticity_min", "elasticity_max"),
)
_CATEGORIES = {"birads": r"[0-6]|4[ABC]", "density": "[A-D]"}


def parsed_values(
    column: pd.Series, variable: Variable, warnings: list[WarningRecord], decimal: Decimal = ""
) -> pd.Series:
    """Cells of one variable as numbers or categories; what is doubtful is added to ``warnings``.

    Raises
    ------
    TableError
        For cells that are no number, or may be two; the sentence names their rows.
    """
    if variable.kind == "category":
        return _category(column, variable)
    numbers = _numbers(column, variable, decimal)
    quantity = quantity_of_key(variable.key)
    infinite = numbers.index[np.isinf(numbers)]
    if len(infinite):
        raise TableError(f"“{variable.name}” is not finite in {name_rows(infinite)}.")
    if quantity is None:
        return numbers
    low = -np.inf if quantity.low is None else quantity.low
    high = np.inf if quantity.high is None else quantity.high
    impossible = numbers.index[(numbers < low) | (numbers > high)]
    if len(impossible):
        hint = "; a void is a missing value, leave it empty" if quantity.unit == "kPa" and low > 0 else ""
        raise TableError(
            f"“{variable.name}” lies outside the possible range {low:g} to {high:g} {quantity.unit}".rstrip()
            + f" in {name_rows(impossible)}{hint}."
        )
    usual_low = -np.inf if quantity.usual_low is None else quantity.usual_low
    usual_high = np.inf if quantity.usual_high is None else quantity.usual_high
    unusual = numbers.index[(numbers < usual_low) | (numbers > usual_high)]
    if len(unusual):
        warnings.append(
            WarningRecord("unusual-value", f"“{variable.name}” is unusual in {name_rows(unusual)}; please check.")
        )
    return numbers


def _numbers(column: pd.Series, variable: Variable, decimal: Decimal) -> pd.Series:
    given = column.dropna()
    try:
        read = read_numbers([str(text) for text in given], variable.unit, decimal)
    except AmbiguousNumbers as doubt:
        rows = given.index[given == doubt.text]
        plain, thousand = doubt.text.replace(",", "."), re.sub("[.,]", "", doubt.text)
        raise TableError(
            f"“{variable.name}” holds “{doubt.text}” in {name_rows(rows)}, which may be {plain} or {thousand}; please "
            "say which mark separates decimals (--decimal point or --decimal comma)."
        ) from None
    unreadable = given.index[[number is None for number in read]]
    if len(unreadable):
        raise TableError(f"“{variable.name}” is not a number in {name_rows(unreadable)}.")
    values = np.full(len(column), np.nan)
    values[column.notna().to_numpy()] = [np.nan if number is None else number for number in read]
    return pd.Series(values, index=column.index, name=column.name)


def _category(column: pd.Series, variable: Variable) -> pd.Series:
    texts = column.map(lambda text: _category_text(text, variable.key), na_action="ignore").astype(object)
    allowed = _CATEGORIES.get(variable.key)
    if allowed is not None:
        wrong = texts.index[texts.map(lambda text: isinstance(text, str) and not re.fullmatch(allowed, text))]
        if len(wrong):
            raise TableError(f"“{variable.name}” is not a known category in {name_rows(wrong)}.")
    spelling: dict[str, str] = {}
    for text in texts.dropna():
        spelling.setdefault(str(text).casefold(), str(text))
    unified = texts.map(lambda text: spelling[str(text).casefold()], na_action="ignore")
    return pd.Series(pd.Categorical(unified, categories=sorted(spelling.values())), index=column.index)


def _category_text(text: str, key: str) -> str:
    text = re.sub(r"^(\d+)[.,]0+$", r"\1", text)  # a spreadsheet's 4.0 is category 4
    if key in _CATEGORIES:
        text = in_english(text.lower())
    if key == "birads":
        return re.sub(r"^(acr)?\W*(bi\W?rads)?\W*(category|cat)?\W*", "", text, flags=re.IGNORECASE).upper()
    if key == "density":
        letter = re.sub(r"^(acr|type|density|bi\W?rads|\W)*", "", text, flags=re.IGNORECASE).upper()
        return {"1": "A", "2": "B", "3": "C", "4": "D"}.get(letter, letter)
    return text


def refuse_contradictions(values: pd.DataFrame, variables: tuple[Variable, ...]) -> None:
    by_key = {variable.key: variable.name for variable in variables if variable.key}
    for lower, higher in _ORDERED_PAIRS:
        if lower in by_key and higher in by_key:
            rows = values.index[values[by_key[lower]] > values[by_key[higher]]]
            if len(rows):
                raise TableError(f"“{by_key[lower]}” is larger than “{by_key[higher]}” in {name_rows(rows)}.")
