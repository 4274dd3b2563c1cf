"""One self-contained web page: headings, words, tables and pictures inside the file, nothing fetched from anywhere.

The look is the template ``Templates/page.html``; here is what goes into it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from ..resources import resource_path

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


@dataclass(frozen=True)
class Section:
    """A section that the list of contents names."""

    kind: ClassVar[str] = "section"
    anchor: str
    title: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    title: str


@dataclass(frozen=True)
class Paragraph:
    """Results, or (style ``read``) how to read what follows."""

    kind: ClassVar[str] = "paragraph"
    text: str
    style: str = ""


@dataclass(frozen=True)
class Box:
    """A list in a box; its style is ``short`` or ``caution``."""

    kind: ClassVar[str] = "box"
    title: str
    entries: tuple[str, ...]
    style: str


@dataclass(frozen=True)
class Table:
    """A table of texts; the first cell of a row names it. ``classes`` : text of a cell → its class."""

    kind: ClassVar[str] = "table"
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    classes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A picture: SVG text, what stands below it, and what it shows for who cannot see it; a tall one fills a page."""

    svg: str
    caption: str
    alternative: str
    is_tall: bool = False

    @property
    def data(self) -> str:
        """The picture in base 64."""
        return base64.b64encode(self.svg.encode("utf-8")).decode("ascii")


@dataclass(frozen=True)
class Figures:
    """One picture, or several side by side where there is room."""

    kind: ClassVar[str] = "figures"
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Details:
    """Folded away until it is opened or printed."""

    kind: ClassVar[str] = "details"
    title: str
    content: list[Block] = field(default_factory=list)


Block = Section | Heading | Paragraph | Box | Table | Figures | Details


class Page:
    """A page that is filled from top to bottom; every text is escaped."""

    def __init__(self, title: str, subtitle: str) -> None:
        self._title = title
        self._subtitle = subtitle
        self._blocks: list[Block] = []
        self._target = self._blocks

    def section(self, title: str) -> None:
        """Start a section that the list of contents names."""
        count = sum(isinstance(block, Section) for block in self._blocks)
        self._target.append(Section(f"section-{count + 1}", title))

    def heading(self, title: str) -> None:
        """A heading inside a section."""
        self._target.append(Heading(title))

    def paragraph(self, text: str) -> None:
        """A paragraph of results."""
        self._target.append(Paragraph(text))

    def explain(self, text: str) -> None:
        """A paragraph that says how to read what follows."""
        self._target.append(Paragraph(text, "read"))

    def box(self, title: str, items: Iterable[str], style: str) -> None:
        """A box with a list; ``style`` is ``short`` or ``caution``."""
        self._target.append(Box(title, tuple(items), style))

    def table(
        self,
        caption: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        classes: Mapping[str, str] | None = None,
    ) -> None:
        """A table of texts, see :class:`Table`."""
        self._target.append(Table(caption, tuple(header), tuple(tuple(row) for row in rows), classes or {}))

    def figures(self, *figures: Figure) -> None:
        """One picture, or several side by side where there is room."""
        self._target.append(Figures(figures))

    @contextmanager
    def details(self, title: str) -> Iterator[None]:
        """What is added inside is folded away until it is opened or printed."""
        folded, outside = Details(title), self._target
        outside.append(folded)
        self._target = folded.content
        try:
            yield
        finally:
            self._target = outside

    def render(self) -> str:
        """The whole page as HTML."""
        first = next((index for index, block in enumerate(self._blocks) if isinstance(block, Section)), 0)
        return _template().render(
            title=self._title,
            subtitle=self._subtitle,
            opening=self._blocks[:first],
            sections=[block for block in self._blocks if isinstance(block, Section)],
            body=self._blocks[first:],
        )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(resource_path("Templates")), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["cell"] = _cell
    return environment.get_template("page.html")


def _cell(text: str) -> Markup:
    """Text of a cell; an interval in brackets and a number with its unit stay on one line."""
    from markupsafe import Markup, escape

    kept = re.sub(r"\([^()]{1,40} to [^()]{1,40}\)", lambda found: found.group().replace(" ", "\u00a0"), text)
    kept = re.sub(r"(?<=\d) (?=%|kPa|mm\b|m/s)|(?<=<) (?=\d)", "\u00a0", kept)
    return Markup("<br>").join(escape(line) for line in kept.split("\n"))
