"""The cohort: one row per lesion with checked values, made from a table of lesions or of single readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import WarningRecord

from .censoring import censoring_warnings, limit_sides, sides_of_lesions
from .columns import UNRECOGNIZED_NUMBERS, ColumnChoices, ColumnMapping, Variable, guess_columns
from .readings import collect_readings, one_value_per_lesion, same_in_lesion
from .table import TableError, name_rows, read_table
from .values import parsed_values, refuse_contradictions
from .wide import one_row_per_reading

DENSE = "Dense breast"
GUESS_ALL = ColumnChoices()
_NOT_DENSE, _IS_DENSE = "no (A, B)", "yes (C, D)"


@dataclass(frozen=True)
class Cohort:
    """Lesions of a study.

    Parameters
    ----------
    values : DataFrame
        One row per lesion with a known outcome; continuous and ordinal variables are float, categories pandas
        categoricals. The mean over repeats, then over readers, when the table holds single readings.
    malignant : bool array, shape (lesions,)
    patients : str array, shape (lesions,)
        Which lesions belong together; every lesion its own patient when the table does not say.
    variables : tuple of Variable
    readings : DataFrame or None
        One row per single reading: ``lesion``, ``reader``, ``repeat`` and the variables; None when the table has
        neither readers nor repeats.
    columns : DataFrame
        Every column of the table: ``column``, ``role``.
    missing : DataFrame
        ``variable``, ``missing`` (lesions), ``percent``.
    censored : DataFrame
        One row per lesion and a column for every variable with values of which only a limit is known, see
        :func:`~.censoring.limit_sides`.
    rows : Series of list
        Numbers of each lesion's rows in the table.
    warnings : tuple of WarningRecord
    """

    values: pd.DataFrame
    malignant: NDArray[np.bool_]
    patients: NDArray[np.str_]
    variables: tuple[Variable, ...]
    readings: pd.DataFrame | None
    columns: pd.DataFrame
    missing: pd.DataFrame
    censored: pd.DataFrame
    rows: pd.Series
    warnings: tuple[WarningRecord, ...] = ()

    @property
    def parameters(self) -> tuple[Variable, ...]:
        """The variables that are tested as diagnostic parameters."""
        return tuple(variable for variable in self.variables if variable.is_parameter)

    def variable(self, name: str) -> Variable:
        """The variable of this column name or label.

        Raises
        ------
        TableError
            When there is none.
        """
        for variable in self.variables:
            if name.casefold() in (variable.name.casefold(), variable.label.casefold(), variable.title.casefold()):
                return variable
        known = ", ".join(variable.name for variable in self.variables)
        raise TableError(f"The cohort has no variable “{name}”; it has: {known}.")


def read_cohort(paths: Sequence[Path], choices: ColumnChoices = GUESS_ALL, sheet: str | None = None) -> Cohort:
    """Read one or several tables into a cohort; see :func:`build_cohort`."""
    return build_cohort(read_table(paths, sheet), choices)


def build_cohort(table: pd.DataFrame, choices: ColumnChoices = GUESS_ALL) -> Cohort:
    """Turn a table of text cells into a cohort.

    Parameters
    ----------
    table : DataFrame
        As from :func:`~.table.read_table`: text or None, index = row numbers.
    choices : ColumnChoices
        What the user said about the columns.

    Raises
    ------
    TableError
        For impossible values (with their row numbers), contradictions between rows, or one group only.
    """
    table = one_row_per_reading(table)
    mapping = guess_columns(table, choices)
    warnings: list[WarningRecord] = []
    values = pd.DataFrame(
        {
            variable.name: parsed_values(table[variable.name], variable, warnings, choices.decimal)
            for variable in mapping.variables
        },
        index=table.index,
    )
    refuse_contradictions(values, mapping.variables)
    sides = limit_sides(table, mapping)
    warnings += censoring_warnings(sides)
    unknown = [name for name, role in mapping.reasons.items() if role == UNRECOGNIZED_NUMBERS]
    if unknown and any(variable.key and variable.is_parameter for variable in mapping.variables):
        message = (
            f"{', '.join(f'“{name}”' for name in unknown)}: numbers whose heading names no known quantity; they "
            "describe the lesions but are not tested. Name the quantity (--map COLUMN=QUANTITY), or test them as they "
            "are (--parameter)."
        )
        warnings.append(WarningRecord("unrecognized-numbers", message))
    outcome = table[mapping.outcome]
    if outcome.isna().any():
        rows = outcome.index[outcome.isna()]
        warnings.append(
            WarningRecord("outcome-missing", f"{name_rows(rows).capitalize()} without an outcome left out.")
        )
    known = outcome.notna().to_numpy()
    malignant = outcome.isin(mapping.malignant_values).to_numpy()[known]
    table, values = table[known], values[known]
    lesions = _lesion_names(table, mapping)
    readings = None
    patients = _patients(table, mapping, lesions)
    if mapping.reader is not None or mapping.repeat is not None or lesions.duplicated().any():
        readings = collect_readings(table, values, lesions, mapping)
        malignant = same_in_lesion(pd.Series(malignant, index=table.index), lesions, "outcome").to_numpy(dtype=bool)
        patients = same_in_lesion(patients, lesions, "patient")
        values = one_value_per_lesion(readings, mapping.variables, warnings)
    else:
        values = values.set_axis(lesions.to_numpy(), axis=0)
    values.index.name = "lesion"
    variables, values = _derived(mapping.variables, values, malignant)
    row_numbers = pd.Series(table.index, index=lesions.to_numpy()).groupby(level=0, sort=False).agg(list)
    missing = values.isna().sum()
    percent = 100 * missing.to_numpy() / len(values)
    return Cohort(
        values=values,
        malignant=malignant,
        patients=patients.to_numpy(dtype=str),
        variables=variables,
        readings=readings,
        columns=pd.DataFrame({"column": list(mapping.reasons), "role": list(mapping.reasons.values())}),
        missing=pd.DataFrame({"variable": missing.index, "missing": missing.to_numpy(), "percent": percent}),
        censored=sides_of_lesions(sides[known], lesions, values.index),
        rows=row_numbers.reindex(values.index),
        warnings=tuple(warnings),
    )


def _lesion_names(table: pd.DataFrame, mapping: ColumnMapping) -> pd.Series:
    several_per_lesion = mapping.reader is not None or mapping.repeat is not None
    column = mapping.lesion if mapping.lesion is not None or not several_per_lesion else mapping.patient
    if column is None:
        from_wide_table = table.index.has_duplicates
        if several_per_lesion and not from_wide_table:
            raise TableError("The table has several readings; please name the column that tells the lesions apart.")
        return pd.Series([f"row {number}" for number in table.index], index=table.index)
    nameless = table.index[table[column].isna()]
    if len(nameless):
        raise TableError(f"“{column}”, which names the lesion, is empty in {name_rows(nameless)}.")
    names = table[column].astype(str)
    if mapping.patient is not None and mapping.patient != column:
        names = table[mapping.patient].fillna("").astype(str) + " / " + names
    return names


def _patients(table: pd.DataFrame, mapping: ColumnMapping, lesions: pd.Series) -> pd.Series:
    if mapping.patient is None:
        return lesions
    return table[mapping.patient].where(table[mapping.patient].notna(), lesions).astype(str)


def _derived(
    variables: tuple[Variable, ...], values: pd.DataFrame, malignant: NDArray[np.bool_]
) -> tuple[tuple[Variable, ...], pd.DataFrame]:
    """Mark categories that only rename the outcome; add dense (C, D) against not dense (A, B) breasts."""
    values = values.copy()
    found = []
    for variable in variables:
        renames = variable.key == "histology" or _renames_outcome(values[variable.name], malignant)
        found.append(replace(variable, describes_outcome=variable.kind == "category" and renames))
        if variable.key == "density":
            dense = values[variable.name].astype(object).map(lambda letter: _IS_DENSE if letter in "CD" else _NOT_DENSE,
                                                             na_action="ignore")  # fmt: skip
            if dense.nunique() == 2:
                values[DENSE] = pd.Categorical(dense, categories=[_NOT_DENSE, _IS_DENSE])
                found.append(Variable(DENSE, DENSE, kind="category", key="dense"))
    return tuple(found), values


def _renames_outcome(column: pd.Series, malignant: NDArray[np.bool_]) -> bool:
    """True when every category occurs in one outcome group only, in 20 lesions or more."""
    if not isinstance(column.dtype, pd.CategoricalDtype) or column.notna().sum() < 20:
        return False
    counts = pd.crosstab(column, malignant)
    return bool(len(counts) > 1 and (counts > 0).sum(axis=1).eq(1).all())
