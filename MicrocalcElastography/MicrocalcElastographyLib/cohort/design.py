"""Variables into the columns of a regression: numbers as they are, categories against their first value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from .columns import Variable
from .lesions import Cohort
from .quantities import MEASUREMENT_KEYS

LARGEST_MISSING_PERCENT = 20.0


@dataclass(frozen=True)
class Term:
    """One coefficient: a number per unit, or a category against the reference."""

    name: str
    variable: Variable
    category: str = ""
    reference: str = ""

    @property
    def title(self) -> str:
        """For tables: ``Elasticity (kPa)`` or ``BI-RADS category: 5 against 3``."""
        if self.category:
            return f"{self.variable.label}: {self.category} against {self.reference}"
        return self.variable.title


def terms_of(cohort: Cohort, variable: Variable) -> tuple[Term, ...]:
    """The coefficients a variable needs; a category with k values that occur has k − 1."""
    if variable.kind != "category":
        return (Term(variable.name, variable),)
    column = cohort.values[variable.name].cat.remove_unused_categories()
    reference, *others = (str(category) for category in column.cat.categories)
    return tuple(Term(f"{variable.name}={other}", variable, other, reference) for other in others)


def design_of(cohort: Cohort, terms: Sequence[Term]) -> pd.DataFrame:
    """One float column per term, one row per lesion; NaN where the variable is missing."""
    columns = {}
    for term in terms:
        column = cohort.values[term.variable.name]
        if term.category:
            columns[term.name] = (column == term.category).astype(float).where(column.notna())
        else:
            columns[term.name] = column.astype(float)
    return pd.DataFrame(columns, index=cohort.values.index)


def candidate_variables(cohort: Cohort) -> tuple[tuple[Variable, ...], dict[str, str]]:
    """Variables that may enter a model, and why the others may not."""
    missing = cohort.missing.set_index("variable")["percent"]
    has_dense = any(variable.key == "dense" for variable in cohort.variables)
    kept, left_out = [], {}
    for variable in cohort.variables:
        column = cohort.values[variable.name]
        if variable.describes_outcome:
            left_out[variable.title] = "describes the outcome itself"
        elif variable.key in MEASUREMENT_KEYS:
            left_out[variable.title] = "describes the measurement, or says it again"
        elif variable.key == "density" and has_dense:
            left_out[variable.title] = "used as dense (C, D) against not dense (A, B)"
        elif missing[variable.name] > LARGEST_MISSING_PERCENT:
            left_out[variable.title] = f"missing in {missing[variable.name]:.0f} % of the lesions"
        elif column.nunique() < 2:
            left_out[variable.title] = "the same in every lesion"
        else:
            kept.append(variable)
    return tuple(kept), left_out
