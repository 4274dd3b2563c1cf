"""Rows of PS3.16 template 4000 and those below it that a CAD report without masses uses, and what breaks them.

Validators check the document's information object; none checks its template. Each row: relationship, value type,
concept, how many (least, most), the codes it may have (CODE only), and the rows below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes


class Row(NamedTuple):
    relationship: str
    value_type: str
    concept: str
    least: int = 0
    most: float = float("inf")
    values: frozenset[str] = frozenset()
    rows: tuple[Row, ...] = ()


def _group(number: int) -> frozenset[str]:
    """Code values of a context group."""
    return frozenset(code.value for code in getattr(codes, f"cid{number}").concepts.values())


_INTENT = Row("HAS CONCEPT MOD", "CODE", "111056", 1, 1, _group(6034))
_ALGORITHM = (  # template 4019
    Row("HAS PROPERTIES", "TEXT", "111001", 1, 1),
    Row("HAS PROPERTIES", "TEXT", "111003", 1, 1),
    Row("HAS PROPERTIES", "TEXT", "111002"),
)
_GEOMETRY = (  # template 4021
    Row("HAS PROPERTIES", "SCOORD", "111010", 1, 1, rows=(Row("SELECTED FROM", "", "", 1, 1),)),
    Row("HAS PROPERTIES", "SCOORD", "111041", 0, 1, rows=(Row("SELECTED FROM", "", "", 1, 1),)),
)
_FINDING = (  # template 4006
    _INTENT,
    Row("HAS OBS CONTEXT", "TEXT", "112039", 0, 1),
    Row("HAS OBS CONTEXT", "UIDREF", "112040", 0, 1),
    *_ALGORITHM,
    Row("HAS PROPERTIES", "NUM", "111012", 0, 1),
    Row("HAS PROPERTIES", "NUM", "111047", 0, 1),
    *_GEOMETRY,
)
_CALCIFICATION = frozenset({"129770007"})
_PART = Row("INFERRED FROM", "CODE", "111059", 0, values=_CALCIFICATION, rows=_FINDING)
_SINGLE = Row("CONTAINS", "CODE", "111059", 0, 1, _CALCIFICATION, _FINDING)
_CLUSTER = Row(  # template 4010
    "CONTAINS",
    "CODE",
    "111059",
    0,
    1,
    frozenset({"129769006"}),
    (
        *_FINDING,
        Row("HAS PROPERTIES", "CODE", "111009", 0, values=_group(6010)),
        Row("HAS PROPERTIES", "CODE", "111008", 0, 1, _group(6012)),
        Row("HAS PROPERTIES", "NUM", "111038", 0, 1),
        _PART,
    ),
)
_IMPRESSION = Row("INFERRED FROM", "CONTAINER", "111034", 0, rows=(_INTENT, _SINGLE, _CLUSTER))  # template 4003
_LIBRARY = Row(  # template 4020
    "CONTAINS",
    "CONTAINER",
    "111028",
    1,
    1,
    rows=(
        Row(
            "CONTAINS",
            "IMAGE",
            "",
            1,
            rows=(
                Row("HAS ACQ CONTEXT", "CODE", "111027", 0, 1, _group(6022)),
                Row("HAS ACQ CONTEXT", "CODE", "111031", 0, 1, _group(4014)),
                Row("HAS ACQ CONTEXT", "TEXT", "111044", 0, 1),
                Row("HAS ACQ CONTEXT", "TEXT", "111043", 0, 1),
                Row("HAS ACQ CONTEXT", "DATE", "111060", 0, 1),
                Row("HAS ACQ CONTEXT", "TIME", "111061", 0, 1),
                Row("HAS ACQ CONTEXT", "DATE", "111018", 0, 1),
                Row("HAS ACQ CONTEXT", "TIME", "111019", 0, 1),
                Row("HAS ACQ CONTEXT", "NUM", "111026", 0, 1),
                Row("HAS ACQ CONTEXT", "NUM", "111066", 0, 1),
            ),
        ),
    ),
)


def _performed(summary: str, successful: str, failed: str, concept: str, group: int) -> Row:
    """Templates 4015 to 4018."""
    done = Row(
        "CONTAINS", "CODE", concept, 1, values=_group(group), rows=(*_ALGORITHM, Row("HAS PROPERTIES", "", "", 1))
    )
    parts = tuple(Row("INFERRED FROM", "CONTAINER", heading, 0, 1, rows=(done,)) for heading in (successful, failed))
    return Row("CONTAINS", "CODE", summary, 1, 1, _group(6042), parts)


TEMPLATE_4000 = (
    Row("HAS CONCEPT MOD", "CODE", "121049", 1, 1),
    _LIBRARY,
    Row("CONTAINS", "CODE", "111017", 1, 1, _group(6047), (_IMPRESSION,)),
    _performed("111064", "111063", "111025", "111022", 6014),
    _performed("111065", "111062", "111024", "111004", 6043),
)


def broken_rows(document: Dataset) -> list[str]:
    """What in a CAD report breaks the template, in words with its place; empty where nothing does."""
    template = document.ContentTemplateSequence[0]
    found = list(_broken(document, TEMPLATE_4000, "report"))
    if (template.MappingResource, template.TemplateIdentifier) != ("DCMR", "4000"):
        found.append("report: names another template")
    return found


def _broken(item: Dataset, rows: tuple[Row, ...], place: str) -> Iterator[str]:
    left = list(item.get("ContentSequence", []))
    last = -1
    for number, child in enumerate(left, start=1):
        where = f"{place}.{number}"
        fitting = [index for index, row in enumerate(rows) if _fits(child, row)]
        if not fitting:
            said = (child.RelationshipType, child.get("ValueType", ""), _concept(child), _value(child))
            yield f"{where}: no row for {' '.join(said)}"
            continue
        if rows is TEMPLATE_4000 and fitting[0] < last:  # the order matters at the root
            yield f"{where}: out of order"
        last = fitting[0]
        yield from _broken(child, rows[fitting[0]].rows, where)
    for row in rows:
        count = sum(_fits(child, row) for child in left)
        if not row.least <= count <= row.most:
            yield f"{place}: {count} times {row.relationship} {row.value_type} {row.concept}"


def _fits(item: Dataset, row: Row) -> bool:
    """Items by reference have no value type of their own."""
    return (
        item.RelationshipType == row.relationship
        and item.get("ValueType", "") == row.value_type
        and (not row.concept or _concept(item) == row.concept)
        and (not row.values or _value(item) in row.values)
    )


def _concept(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue) if item.get("ConceptNameCodeSequence") else ""


def _value(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue) if item.get("ConceptCodeSequence") else ""
