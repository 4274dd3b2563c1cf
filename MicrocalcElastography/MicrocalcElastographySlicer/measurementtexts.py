"""A measurement's tables as the panel words them: a headline, statistics by region, ratios and scores, protocol."""

from slicer.i18n import tr as _

from MicrocalcSlicerShared.nodes import numberOf

from .section import numberText

_REGIONS = ("measurement box", "lesion", "surrounding ring", "fat")
_STATISTICS = (
    ("Emean", "mean"),
    ("Emax", "maximum"),
    ("Emin", "minimum"),
    ("SD", "SD"),
    ("Emean, 95 % from", "95 % lower end of the mean"),
    ("Emean, 95 % to", "95 % upper end of the mean"),
    ("Emax, 95 % from", "95 % lower end of the maximum"),
    ("Emax, 95 % to", "95 % upper end of the maximum"),
    ("cmean", "mean shear-wave speed"),
    ("cmax", "maximum shear-wave speed"),
    ("c SD", "SD shear-wave speed"),
    ("no value", "without a value"),
    ("scale end", "at an end of the scale"),
)
_OF_RATIOS = ("ratios", "box over the slices", "E/B size ratio", "scores", "words", "printed on the screen")
SYMBOLS = {"pass": "✓", "warn": "✗", "cannot tell": "?"}
_IN_STRAIN = {  # strain is no modulus
    "Emean": "mean",
    "Emax": "maximum",
    "Emin": "minimum",
    "Emean, 95 % from": "mean, 95 % from",
    "Emean, 95 % to": "mean, 95 % to",
    "Emax, 95 % from": "maximum, 95 % from",
    "Emax, 95 % to": "maximum, 95 % to",
}


def headline(rows):
    """The numbers of the report in two lines of rich text, units stated."""
    found = _byPlace(rows)
    first = [
        f"{_title(title, row['unit'])} {numberText(row['value'], row['unit'])} {row['unit']}"
        for title, quantity in _STATISTICS[:4]
        if (row := found.get(("measurement box", quantity))) is not None
    ]
    speed = found.get(("measurement box", "mean shear-wave speed"))
    if speed is not None:
        first.append(f"{numberText(speed['value'], 'm/s')} m/s")
    names = {"stiffness ratio": _("ratio lesion/fat"), "strain ratio": _("strain ratio fat/lesion")}
    second = [
        f"{names[row['quantity']]} {numberText(row['value'])}"
        for row in rows
        if row["region"] == "ratios" and row["quantity"] in names
    ]
    second += [f"{row['quantity']}: {_score(row['value'])}" for row in rows if row["region"] == "scores"]
    lines = [" · ".join(first) or _("No box carries enough values."), " · ".join(second)]
    return f"<b>{lines[0]}</b><br>{lines[1]}"


def statisticsRows(rows):
    """One row per statistic with its unit, one column per region."""
    found = _byPlace(rows)
    shown = []
    for title, quantity in _STATISTICS:
        cells = [found.get((region, quantity)) for region in _REGIONS]
        known = next((cell for cell in cells if cell is not None), None)
        if known is not None:
            values = ["" if cell is None else numberText(cell["value"], cell["unit"]) for cell in cells]
            shown.append((f"{_title(title, known['unit'])} ({known['unit']})", *values))
    return shown


def ratioRows(rows):
    """Ratios, scores, words and sizes: quantity, value with unit or the word, remark."""
    shown = []
    for row in rows:
        isSize = row["region"] == "lesion" and row["unit"] in ("mm", "mm²")
        if isSize or row["region"] in _OF_RATIOS:
            prefix = {
                "lesion": _("lesion, "),
                "E/B size ratio": _("E/B size ratio, "),
                "box over the slices": _("box over the slices, "),
                "printed on the screen": _("printed on the screen, "),
            }.get(row["region"], "")
            unit = row["unit"].strip("-")
            isScore = row["region"] == "scores"
            value = _score(row["value"]) if isScore else f"{numberText(row['value'], unit)} {unit}".rstrip()
            remark = row["remark"]
            if row["region"] == "words":
                value, _colon, remark = remark.partition(": ")
            shown.append((prefix + row["quantity"], value, (remark, "" if remark == "-" else remark)))
    return shown


def protocolRows(checks):
    """Symbol, rule, and what was measured with its limit; the sentence is the tooltip."""
    shown = []
    for check in checks:
        measured = "" if check["measured"] == "-" else f"{check['measured']} "
        shown.append(
            (
                SYMBOLS[check["status"]],
                (check["rule"], check["message"]),
                (f"{measured}({check['limit']})", check["message"]),
            )
        )
    return shown


def _byPlace(rows):
    return {(row["region"], row["quantity"]): row for row in rows}


def _score(value):
    number = numberOf(value)
    return "–" if number != number else f"{number:.0f}"


def _title(title, unit):
    return _IN_STRAIN.get(title, title) if unit == "strain" else title
