"""Lines of a view: wrapped with a hanging indent, never wider than the page, never markup.

A view opens sections and adds *pieces*: plain strings or ``(string, style)``.  Everything goes through
:func:`~fptdsl.views.printable.printable`, so names from files cannot style or break a line.  A page
that is not full shortens its longest sections until it has at most ``limit`` lines, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from rich.cells import cell_len
from rich.text import Text

from .printable import printable
from .wrapping import wrap

if TYPE_CHECKING:
    from rich.console import Console

Piece = Union[str, tuple[str, str]]
LIMIT = 40
"""Most lines of a view that is not asked to be complete."""


@dataclass
class Section:
    """A part of a page: a title that stays, and items (each of one or more lines) that may be cut."""

    what: str
    title: list[Text] = field(default_factory=list)
    items: list[list[Text]] = field(default_factory=list)

    @property
    def height(self) -> int:
        return len(self.title) + sum(map(len, self.items))


class Page:
    """Collects lines of at most ``width`` cells; ``full`` asks to leave nothing out."""

    def __init__(self, width: int = 80, *, encoding: str = "utf-8", full: bool = False) -> None:
        self.width = max(width, 20)
        self.encoding = encoding
        self.full = full
        self.limit = LIMIT
        self.sections: list[Section] = [Section("lines")]

    def section(self, what: str, *title: Piece) -> None:
        """Begin a section; ``what`` names its items where some are left out (``more tensors``)."""
        self.sections.append(Section(what))
        if title:
            self.sections[-1].title = self.wrapped(*title)

    def line(self, *pieces: Piece, indent: int = 0, hang: int | None = None) -> None:
        """Add an item; continuation lines are indented by ``hang`` (``indent + 4`` unless given)."""
        self.sections[-1].items.append(self.wrapped(*pieces, indent=indent, hang=hang))

    def more(self, *pieces: Piece, indent: int = 0, hang: int | None = None) -> None:
        """Add lines to the item before, which is kept or left out as a whole."""
        lines = self.wrapped(*pieces, indent=indent, hang=hang)
        self.sections[-1].items[-1].extend(lines)

    def table(
        self, rows: Sequence[Sequence[Piece]], *, right: Iterable[int] = (), indent: int = 2, flow: bool = False
    ) -> None:
        """Rows with aligned columns (``right``: numbers of the right-aligned ones).

        A first cell that is too long for its column stands on a line of its own.  ``flow``: the last
        column is text that continues below itself.
        """
        right = set(right)
        plain = [[self.safe(c if isinstance(c, str) else c[0]) for c in row] for row in rows]
        count = max(map(len, plain), default=0)
        widths = [max((cell_len(row[i]) for row in plain if i < len(row)), default=0) for i in range(count)]
        if flow and count > 1:
            widths[-1] = min(widths[-1], self.width // 3)
        room = self.width - indent - sum(widths[1:]) - 2 * (count - 1)
        widths[:1] = [max(min(widths[0], room), 12)] if widths else []
        hang = indent + sum(widths[:-1]) + 2 * (count - 1) if flow else None
        for row, cells in zip(rows, plain, strict=True):
            styles = ["" if isinstance(c, str) else c[1] for c in row]
            tail: list[Piece] = []
            for i in range(1, len(cells)):
                pad = " " * (widths[i] - cell_len(cells[i]))
                tail.append(("  " + (pad + cells[i] if i in right else cells[i] + pad), styles[i]))
            if cell_len(cells[0]) > widths[0] and tail:
                self.line((cells[0], styles[0]), indent=indent)
                self.more(" " * widths[0], *tail, indent=indent, hang=hang)
            else:
                pad = " " * (widths[0] - cell_len(cells[0]))
                self.line((cells[0] + pad, styles[0]), *tail, indent=indent, hang=hang)

    def safe(self, text: str) -> str:
        return printable(text, encoding=self.encoding)

    def lines(self) -> list[Text]:
        """All lines, sections apart by an empty one."""
        sections = [section for section in self.sections if section.height]
        cap = None if self.full else self._cap(sections)
        lines: list[Text] = []
        for section in sections:
            if lines:
                lines.append(Text())
            lines.extend(self._shortened(section, cap))
        return lines

    def print(self, console: Console) -> None:
        for text in self.lines():
            console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def wrapped(self, *pieces: Piece, indent: int = 0, hang: int | None = None) -> list[Text]:
        """The lines that ``line`` adds for these pieces."""
        text = Text(" " * indent)
        for piece in pieces:
            content, style = (piece, "") if isinstance(piece, str) else piece
            text.append(self.safe(content), style or None)
        return wrap(text, self.width, min(indent + 4 if hang is None else hang, self.width * 2 // 3))

    def _cap(self, sections: Sequence[Section]) -> int | None:
        """The most lines that a section may have so that all fit in ``limit`` (None: any number)."""
        room = self.limit - (len(sections) - 1)
        heights = [section.height for section in sections]
        if sum(heights) <= room:
            return None
        return max((cap for cap in range(2, room) if sum(min(h, cap) for h in heights) <= room), default=2)

    def _shortened(self, section: Section, cap: int | None) -> list[Text]:
        if cap is None or section.height <= cap:
            return section.title + [text for item in section.items for text in item]
        lines = list(section.title)
        shown = 0
        for item in section.items:
            if len(lines) + len(item) > cap - 1:
                break
            lines += item
            shown += 1
        rest = section.items[shown:]
        if len(rest) == 1 and len(rest[0]) == 1 and shown:  # saying so would take as much room
            return lines + rest[0]
        hidden, what = f"{len(rest):,}", section.what.removesuffix("s") if len(rest) == 1 else section.what
        if not shown:  # one item taller than the section: its beginning
            lines += section.items[0][: max(cap - 1 - len(lines), 1)]
            hidden = ""
        return lines + self.wrapped(("… " + f"{hidden} more {what} (--full shows all)".strip(), "dim"), indent=2)
