"""Which column is what: guessed from headings and values, with the user's word above every guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from .languages import in_english
from .numbers import Decimal, limit_side, looks_like_number
from .quantities import QUANTITIES, Quantity, quantity_of_key, recognize, words_of
from .table import TableError

_MALIGNANT = re.compile(
    r"m|malign\w*|cancer|(invasive )?(ductal |lobular )?(carcinoma|cancer)( in situ)?|dcis|idc|ilc|invasive"
    r"|pos(itive)?|y(es)?|true|1|cases?"
)
_BENIGN = re.compile(
    r"b|benign|normal|healthy|(non?|not)[ -]?malignan\w+|no (cancer|carcinoma)|neg(ative)?|no?|false|0|controls?"
)
LARGEST_CATEGORY_COUNT = 12
MEASUREMENT_WARNINGS = "warnings of the measurement; not analyzed"
UNRECOGNIZED_NUMBERS = "numbers of a quantity that the heading does not tell"
_ROLE_PATTERNS = {
    "reader": r"^(reader|observer|radiologist|rater)( (id|name|no|number))?$",
    "repeat": r"^(repeat|repetition|replicate|acquisition|measurement|trial)( (id|no|number))?$",
    "lesion": r"^(lesion|finding|cluster|roi|case|record|study)( (id|no|nr|number|name))?$|^(id|no|nr|number|index)$",
    "patient": r"^(patient|subject|participant|woman)( (id|no|nr|number|name))?$|^(pid|mrn)$",
}
_OUTCOME_PATTERN = (
    r"\b(malignant|malignancy|outcome|truth|ground truth|reference standard|group|class|label|result|status"
    r"|patholog\w*|histolog\w*|diagnosis|cancer|benign malignant)\b"
)


@dataclass(frozen=True)
class ColumnChoices:
    """What the user says about the columns; everything left out is guessed.

    ``quantities`` maps a column to the key of a quantity of :mod:`.quantities`; ``decimal`` says what a comma or point
    in numbers means when the table does not tell.
    """

    outcome: str | None = None
    malignant_values: tuple[str, ...] = ()
    lesion: str | None = None
    patient: str | None = None
    reader: str | None = None
    repeat: str | None = None
    parameters: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    quantities: Mapping[str, str] = field(default_factory=dict)
    decimal: Decimal = ""


@dataclass(frozen=True)
class Variable:
    """One measurement or description of a lesion.

    Parameters
    ----------
    name : str
        Column of the cohort's table.
    label, unit : str
        For headings and axes.
    kind : str
        ``continuous``, ``ordinal`` or ``category``.
    is_parameter : bool
        True when it is tested as a diagnostic parameter.
    key : str
        The recognized quantity, or empty.
    describes_outcome : bool
        True for a category that only renames the outcome (histology); such a column explains nothing.
    """

    name: str
    label: str
    unit: str = ""
    kind: str = "continuous"
    is_parameter: bool = False
    key: str = ""
    describes_outcome: bool = False

    @property
    def title(self) -> str:
        """Label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class ColumnMapping:
    """The role of every column of a table, and why.

    ``bound`` is the column whose “≥” says that the stiffness of the row is only known to lie there or above.
    """

    outcome: str
    malignant_values: tuple[str, ...]
    benign_values: tuple[str, ...]
    lesion: str | None
    patient: str | None
    reader: str | None
    repeat: str | None
    bound: str | None
    variables: tuple[Variable, ...]
    reasons: dict[str, str] = field(default_factory=dict)


def guess_columns(table: pd.DataFrame, choices: ColumnChoices) -> ColumnMapping:
    """Give every column of ``table`` (text cells) a role.

    Raises
    ------
    TableError
        When a column named in ``choices`` does not exist or no outcome can be told.
    """
    reasons: dict[str, str] = {}
    ignored = {_existing(table, name) for name in choices.ignored}
    reasons.update(dict.fromkeys(ignored, "left out as asked"))
    outcome = _outcome_column(table, choices, ignored)
    malignant, benign = _outcome_values(table[outcome], choices.malignant_values)
    reasons[outcome] = f"outcome: malignant = {', '.join(malignant)}; benign = {', '.join(benign)}"
    roles: dict[str, str | None] = {}
    for role, pattern in _ROLE_PATTERNS.items():
        chosen: str | None = getattr(choices, role)
        column = (
            _existing(table, chosen)
            if chosen is not None
            else _first(
                name
                for name in table.columns
                if name not in reasons and name != outcome and re.search(pattern, words_of(name))
            )
        )
        roles[role] = column
        if column is not None:
            reasons[column] = f"{role} of the row"
    bound = _bound_column(table, reasons)
    if bound is not None:
        reasons[bound] = "says of which stiffness only a limit is known"
    reasons |= {name: MEASUREMENT_WARNINGS for name in table.columns
                if name not in reasons and re.fullmatch(r"(protocol )?warnings?", words_of(name))}  # fmt: skip
    parameters = {_existing(table, name) for name in choices.parameters}
    named = {_existing(table, name): _named_quantity(key) for name, key in choices.quantities.items()}
    variables: list[Variable] = []
    for name in table.columns:
        if name in reasons and name not in parameters and name not in named:
            continue
        variable, reason = _variable(table[name], name in parameters if parameters else None, named.get(name))
        reasons[name] = reason
        if variable is not None:
            variables.append(variable)
    if not any(variable.is_parameter for variable in variables):
        # A table of quantities unknown to this field: every number is a candidate.
        variables = [replace(v, is_parameter=v.kind != "category") if not v.key else v for v in variables]
    labels = [variable.label for variable in variables]
    variables = [replace(v, label=v.name, unit="") if labels.count(v.label) > 1 else v for v in variables]
    return ColumnMapping(outcome=outcome, malignant_values=malignant, benign_values=benign, variables=tuple(variables),
                         reasons={name: reasons[name] for name in table.columns}, bound=bound, **roles)  # fmt: skip


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)


def _existing(table: pd.DataFrame, name: str) -> str:
    if name in table.columns:
        return name
    wanted = words_of(name)
    found = [str(column) for column in table.columns if words_of(str(column)) == wanted]
    if len(found) == 1:
        return found[0]
    columns = ", ".join(str(column) for column in table.columns)
    raise TableError(f"The table has no column “{name}”; its columns are: {columns}.")


def _bound_column(table: pd.DataFrame, taken: Mapping[str, str]) -> str | None:
    """The column “bound” of a table of readings, whose cells are empty or a mark such as “≥”."""
    for name in table.columns:
        if name not in taken and words_of(name) == "bound" and table[name].dropna().map(limit_side).ne(0).all():
            return str(name)
    return None


def _outcome_column(table: pd.DataFrame, choices: ColumnChoices, ignored: set[str]) -> str:
    if choices.outcome is not None:
        return _existing(table, choices.outcome)
    for name in table.columns:
        if name not in ignored and re.search(_OUTCOME_PATTERN, words_of(name)):
            meanings = {_meaning(str(value)) for value in table[name].dropna()}
            if meanings == {"malignant", "benign"}:
                return str(name)
    raise TableError(
        "No column says in plain words which lesions were malignant; please name the outcome column and, when needed, "
        "its values that mean malignant."
    )


def _meaning(value: str) -> str | None:
    plain = re.sub(r"^(\d+)[.,]0+$", r"\1", in_english(value.lower()))
    if _MALIGNANT.fullmatch(plain):
        return "malignant"
    return "benign" if _BENIGN.fullmatch(plain) else None


def _outcome_values(column: pd.Series, chosen: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    values = sorted({str(value) for value in column.dropna()})
    if chosen:
        wanted = {value.lower() for value in chosen}
        absent = sorted(wanted - {value.lower() for value in values})
        if absent:
            raise TableError(f"The outcome column never holds “{absent[0]}”, which was named as malignant.")
        malignant = tuple(value for value in values if value.lower() in wanted)
        benign = tuple(value for value in values if value.lower() not in wanted)
    else:
        malignant = tuple(value for value in values if _meaning(value) == "malignant")
        benign = tuple(value for value in values if _meaning(value) == "benign")
        unclear = [value for value in values if _meaning(value) is None]
        if unclear:
            raise TableError(
                f"The outcome column “{column.name}” holds values that are neither malignant nor benign in plain words "
                f"({len(unclear)} of {len(values)}); please say which values mean malignant."
            )
    if not malignant or not benign:
        raise TableError(f"The outcome column “{column.name}” holds one group only; benign and malignant are needed.")
    return malignant, benign


def _named_quantity(key: str) -> Quantity:
    quantity = quantity_of_key(key)
    if quantity is None:
        keys = ", ".join(known.key for known in QUANTITIES)
        raise TableError(f"“{key}” is no known quantity; choose one of: {keys}.")
    return quantity


def _variable(column: pd.Series, chosen: bool | None, named: Quantity | None) -> tuple[Variable | None, str]:
    """Variable of a column and the reason; ``chosen`` is None while the user named no parameters."""
    name = str(column.name)
    texts = [str(value) for value in column.dropna()]
    if not texts:
        return None, "left out: no values"
    quantity = named or recognize(name)
    if quantity is not None:
        is_parameter = quantity.is_parameter if chosen is None else chosen
        return (
            Variable(name, quantity.label, quantity.unit, quantity.kind, is_parameter, quantity.key),
            f"{quantity.label.lower()}, {'as said' if named else 'recognized by its heading'}",
        )
    numeric = [text for text in texts if looks_like_number(text)]
    distinct = {text.lower() for text in texts}
    if chosen or (len(numeric) > 0.8 * len(texts) and len(distinct) > 5):
        return Variable(name, name, "", "continuous", bool(chosen)), UNRECOGNIZED_NUMBERS
    if len(distinct) == 1:
        return None, "left out: the same value in every row"
    if len(distinct) <= LARGEST_CATEGORY_COUNT and len(distinct) <= max(2, len(texts) // 3):
        return Variable(name, name, "", "category"), f"category with {len(distinct)} values"
    return None, "left out: free text or an identifier"
