"""One self-contained web page: headings, words, tables and pictures inside the file, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; --ink: #1d232b; --soft: #5b6673; --line: #d9dee4; --tint: #f4f6f8; --accent: #1f5fa8; }
* { box-sizing: border-box; }
body { margin: 0; background: white; color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Arial, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0 .25rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .6rem; padding-top: .6rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
.soft { color: var(--soft); }
nav { margin: 1rem 0; padding: .6rem 1rem; background: var(--tint); border-radius: 6px; }
nav a { display: inline-block; margin: .1rem .9rem .1rem 0; color: var(--accent); text-decoration: none; }
.short { padding: .8rem 1.1rem; border-left: 5px solid var(--accent); background: #eef4fb; border-radius: 0 6px 6px 0; }
.caution { padding: .8rem 1.1rem; border-left: 5px solid #c78a1a; background: #fdf6e7; border-radius: 0 6px 6px 0; }
.caution { margin: 1rem 0; }
.short h2, .caution h2 { border: 0; margin: 0 0 .3rem; padding: 0; font-size: 1.1rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; } li { margin: .25rem 0; max-width: 48rem; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--accent); }
.read { color: var(--soft); font-size: .93rem; }
.wide { overflow-x: auto; margin: .7rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .87rem; min-width: 30rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .3rem .7rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
td { font-variant-numeric: tabular-nums; }
td.bad { color: #a02c16; font-weight: 600; } td.odd { color: #8a5d00; font-weight: 600; } td.good { color: #23703f; }
figure { margin: 1rem 0 1.6rem; } figure img { max-width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; max-width: 46rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: start; }
@media (max-width: 50rem) { .pair { grid-template-columns: 1fr; } }
@media print { nav { display: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; }
  main { max-width: none; } .pair { grid-template-columns: 1fr 1fr; } body { font-size: 12px; } }
"""


class Page:
    """A page that is filled from top to bottom; every text is escaped."""

    def __init__(self, title: str, subtitle: str) -> None:
        self._title = title
        self._subtitle = subtitle
        self._parts: list[str] = []
        self._sections: list[tuple[str, str]] = []

    def section(self, title: str) -> None:
        """Start a section that the list of contents names."""
        anchor = f"section-{len(self._sections) + 1}"
        self._sections.append((anchor, title))
        self._parts.append(f'<h2 id="{anchor}">{escape(title)}</h2>')

    def heading(self, title: str) -> None:
        """A heading inside a section."""
        self._parts.append(f"<h3>{escape(title)}</h3>")

    def paragraph(self, text: str) -> None:
        """A paragraph of results."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def explain(self, text: str) -> None:
        """A paragraph that says how to read what follows."""
        self._parts.append(f'<p class="read">{escape(text)}</p>')

    def box(self, title: str, items: Iterable[str], kind: str) -> None:
        """A box with a list; ``kind`` is ``short`` or ``caution``."""
        entries = "".join(f"<li>{escape(item)}</li>" for item in items)
        self._parts.append(f'<div class="{kind}"><h2>{escape(title)}</h2><ul>{entries}</ul></div>')

    def table(
        self,
        caption: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        classes: dict[str, str] | None = None,
    ) -> None:
        """A table of texts.

        Parameters
        ----------
        classes : dict, optional
            Cell text → class of the cell.
        """
        classes = classes or {}
        head = "".join(f"<th>{escape(text)}</th>" for text in header)
        body = []
        for row in rows:
            cells = "".join(
                f'<td class="{classes[text]}">{_cell(text)}</td>' if text in classes else f"<td>{_cell(text)}</td>"
                for text in row
            )
            body.append(f"<tr>{cells}</tr>")
        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        table = f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        self._parts.append(f'<div class="wide">{table}</div>')

    def figure(self, svg: str, caption: str) -> None:
        """A picture with its caption, which is also its text for who cannot see it."""
        self._parts.append(_figure(svg, caption))

    def pair_of_figures(self, figures: Sequence[tuple[str, str]]) -> None:
        """Pictures with captions side by side where there is room."""
        self._parts.append(f'<div class="pair">{"".join(_figure(svg, caption) for svg, caption in figures)}</div>')

    def begin_details(self, title: str) -> None:
        """What follows is folded away until it is opened; ends with :meth:`end_details`."""
        self._parts.append(f"<details><summary>{escape(title)}</summary>")

    def end_details(self) -> None:
        """End of what is folded away."""
        self._parts.append("</details>")

    def render(self) -> str:
        """The whole page as HTML."""
        contents = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title in self._sections)
        first = next((index for index, part in enumerate(self._parts) if part.startswith("<h2 ")), 0)
        parts = [*self._parts[:first], f"<nav>{contents}</nav>", *self._parts[first:]]
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self._title)}</title><style>{_STYLE}</style></head>\n<body><main>"
            f'<h1>{escape(self._title)}</h1><p class="soft">{escape(self._subtitle)}</p>\n'
            + "\n".join(parts)
            + "\n</main></body></html>\n"
        )


def _cell(text: str) -> str:
    """Text of a cell; an interval in brackets and a number with its unit stay on one line."""
    kept = re.sub(r"\([^()]{1,40} to [^()]{1,40}\)", lambda found: found.group().replace(" ", "\u00a0"), text)
    return escape(re.sub(r"(?<=\d) (?=%|kPa|mm\b|m/s)|(?<=<) (?=\d)", "\u00a0", kept)).replace("\n", "<br>")


def _figure(svg: str, caption: str) -> str:
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
