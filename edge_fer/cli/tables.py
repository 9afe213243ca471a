"""Print tables that keep every figure whole at any width, in a pipe and without colours."""

import dataclasses
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Cell = str | Text
"""A str is printed literally, a Text with its style."""

GAP = 2
"""Spaces between two columns."""

LEAST_TEXT = 24
"""Least width of a column of text that wraps."""

LEAST_PAIRS = 56
"""Least width of the console at which a name and its text share a line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    right: bool = False
    """Aligned to the right, as figures are."""
    wrap: bool = False
    """Text that may take several lines; other cells stay on one line."""
    optional: bool = False
    """Left out if the console is too narrow."""


def make_console() -> Console:
    """Return a console on stdout that prints text as it is."""
    return Console(highlight=False, markup=False, emoji=False)


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], console: Console
) -> None:
    """Print ``rows``, which have a cell for each of ``columns``.

    If the console is too narrow, optional columns are left out, the last one first, and a line
    names them. If that is not enough, each row is printed as a block.
    """
    table = [[_text(cell) for cell in row] for row in rows]
    widths = [
        max(cell_len(column.heading), *(row[place].cell_len for row in table), 0)
        for place, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    while not _fits(columns, widths, shown, console.width):
        dropped = next((place for place in reversed(shown) if columns[place].optional), None)
        if dropped is None:
            _print_blocks(columns, table, console)
            return
        shown.remove(dropped)
    _print_rows([columns[place] for place in shown], [_at(row, shown) for row in table], console)
    missing = [column.heading for place, column in enumerate(columns) if place not in shown]
    if missing:
        console.print(f"not shown at this width: {', '.join(missing)}")


def print_pairs(pairs: Iterable[tuple[str, Cell]], console: Console) -> None:
    """Print names on the left and their texts, which may wrap, on the right."""
    rows = [(name, _text(text)) for name, text in pairs]
    if not rows:
        return
    if console.width < LEAST_PAIRS:
        for name, text in rows:
            if name:
                console.print(Text(name, style="bold"))
            console.print(Padding(text, (0, 0, 0, GAP)), overflow="fold")
        return
    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for name, text in rows:
        grid.add_row(Text(name), text)
    console.print(grid)


def _text(cell: Cell) -> Text:
    return Text(cell) if isinstance(cell, str) else cell


def _at(row: Sequence[Text], places: Sequence[int]) -> list[Text]:
    return [row[place] for place in places]


def _fits(
    columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int], width: int
) -> bool:
    least = [
        min(widths[place], LEAST_TEXT) if columns[place].wrap else widths[place] for place in shown
    ]
    return sum(least) + GAP * (len(shown) - 1) <= width


def _print_rows(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], console: Console
) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_blocks(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], console: Console
) -> None:
    """Print the first cell of each row as a heading and the others below it, by name."""
    names = max((cell_len(column.heading) for column in columns[1:]), default=0)
    for title, *cells in rows:
        console.print(title, style="bold", overflow="fold")
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_column(no_wrap=True, min_width=names)
        grid.add_column(overflow="fold")
        for column, cell in zip(columns[1:], cells, strict=True):
            if cell.plain:
                grid.add_row(Text(column.heading), cell)
        console.print(Padding(grid, (0, 0, 0, GAP)))
