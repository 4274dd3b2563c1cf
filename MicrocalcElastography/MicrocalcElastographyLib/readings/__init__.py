"""Readings: one row per lesion, reader and repeat; two readers and consensus; published references beside them."""

from .agreement import CONSENSUS, Agreement, agreement, one_row_per_lesion
from .reading import QUANTITY_COLUMNS, VALUE_COLUMNS, Reading, reading_of, references_beside
from .summary import (
    lesion_summary,
    next_repeat,
    reader_summary,
    readings_of_records,
    records_of,
    with_reading,
)
from .table import read_readings, table_of, with_readings, write_readings, write_table

__all__ = [
    "CONSENSUS",
    "QUANTITY_COLUMNS",
    "VALUE_COLUMNS",
    "Agreement",
    "Reading",
    "agreement",
    "lesion_summary",
    "next_repeat",
    "one_row_per_lesion",
    "read_readings",
    "reader_summary",
    "reading_of",
    "readings_of_records",
    "records_of",
    "references_beside",
    "table_of",
    "with_reading",
    "with_readings",
    "write_readings",
    "write_table",
]
