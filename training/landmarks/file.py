"""Read the file of a dlib shape_predictor and write a shorter one of its first cascades.

A predictor is a mean shape and a row of cascades, each a forest of regression trees that moves
the shape a little further (Kazemi and Sullivan 2014); so the first of them are a predictor too,
a coarser one. The format is dlib's `serialize` of `shape_predictor`, version 1: the mean shape,
then a list of forests, one of anchors (the landmark each pixel hangs on) and one of deltas (where
from there the pixel is), one entry for each cascade. An integer is a length byte, whose top bit
is the sign, and that many bytes, the lowest first. A float is two of them, mantissa and exponent.

Nothing is decoded but counts: the regular expressions only find where things end, in C.
"""

import dataclasses
import mmap
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from edge_fer.errors import ModelError

_INTEGER = b"(?:%s)" % b"|".join(
    b"[%s]" % re.escape(bytes([n, 0x80 | n])) + b"." * n for n in (3, 1, 2, 4, 5, 6, 7, 8)
)
_FLOAT = _INTEGER * 2
_SPLIT = _INTEGER * 2 + _FLOAT
"""Two pixels by their number, and the threshold on their difference."""

POINTS = 68
_SHAPE = re.escape(bytes([0x81, 2 * POINTS, 0x81, 1])) + b"(?:%s){%d}" % (_FLOAT, 2 * POINTS)
"""A matrix: its rows and columns, negative, then its elements."""

_HEAD = re.compile(re.escape(bytes([1, 1])) + _SHAPE, re.DOTALL)
_COUNT = re.compile(_INTEGER, re.DOTALL)

_MOST = 1 << 20
"""Most items in a list of a predictor."""

Span = tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Cascades:
    """Where in a predictor's file its parts begin and end, in bytes; one entry for each cascade."""

    head: Span
    forests: list[Span]
    anchors: list[Span]
    deltas: list[Span]

    def __len__(self) -> int:
        return len(self.forests)


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """The size of a predictor; each leaf of its trees moves all 68 points."""

    cascades: int = 10
    trees: int = 300
    """In each cascade."""
    depth: int = 3
    """Splits on the way to a leaf."""


class LandmarkFile:
    """A dlib file of 68 landmarks, read from disk as it is needed: it is large.

    Raises:
        ModelError: it cannot be read, is truncated, or has another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read ({plain_reason(error)})") from None
        self._at = 0
        self.cascades = self._parse()

    def write_first(self, count: int, out: Path) -> None:
        """Write a predictor of the first ``count`` cascades to ``out``.

        Raises:
            ModelError: the file has fewer.
            OSError: ``out`` cannot be written.
        """
        if not 1 <= count <= len(self.cascades):
            raise ModelError(
                f"{self.path}: cascades = {count}: must be 1 to {len(self.cascades)}, all it has"
            )
        parts = self.cascades
        with out.open("wb") as file:
            file.write(self._data[slice(*parts.head)])
            for spans in (parts.forests, parts.anchors, parts.deltas):
                file.write(bytes([1, count]))
                for span in spans[:count]:
                    file.write(self._data[slice(*span)])

    def _parse(self) -> Cascades:
        head = _HEAD.match(self._data)
        if head is None:
            raise ModelError(f"{self.path}: not a dlib file of {POINTS} landmarks")
        self._at = head.end()
        lists = [
            [self._span(skip) for _ in range(self._count())]
            for skip in (self._skip_forest, self._skip_anchors, self._skip_deltas)
        ]
        forests, anchors, deltas = lists
        if not 0 < len(forests) == len(anchors) == len(deltas) < 128:
            raise self._damaged("the numbers of its forests, anchors and deltas differ")
        if self._at != len(self._data):
            raise self._damaged("it goes on after its end")
        return Cascades(head.span(), forests, anchors, deltas)

    def _span(self, skip: Callable[[], None]) -> Span:
        start = self._at
        skip()
        return start, self._at

    def _skip_forest(self) -> None:
        for _ in range(self._count()):
            self._skip(_SPLIT, self._count())
            self._skip(_SHAPE, self._count())

    def _skip_anchors(self) -> None:
        self._skip(_INTEGER, self._count())

    def _skip_deltas(self) -> None:
        self._skip(_FLOAT * 2, self._count())

    def _skip(self, item: bytes, times: int) -> None:
        self._at = self._match(_repeated(item, times)).end()

    def _count(self) -> int:
        token = self._match(_COUNT)
        self._at = token.end()
        count = int.from_bytes(token.group()[1:], "little")
        if token.group()[0] & 0x80 or count > _MOST:
            raise self._damaged(f"a list of {count} at byte {token.start()}")
        return count

    def _match(self, pattern: "re.Pattern[bytes]") -> "re.Match[bytes]":
        found = pattern.match(self._data, self._at)
        if found is None:
            raise self._damaged(f"{len(self._data) - self._at} bytes are left where more follow")
        return found

    def _damaged(self, reason: str) -> ModelError:
        return ModelError(f"{self.path}: damaged ({reason}); is the file complete?")


@cache
def _repeated(item: bytes, times: int) -> "re.Pattern[bytes]":
    return re.compile(b"(?:%s){%d}" % (item, times), re.DOTALL)


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Yield a path whose file is renamed to ``out`` when the ``with`` block succeeds.

    Otherwise ``out`` stays as it was, and nothing else is left in its folder.

    Raises:
        ModelError: the folder is missing, or ``out`` cannot be written.
    """
    if not out.parent.is_dir():
        raise ModelError(f"{out}: there is no folder {out.parent}")
    try:
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
            draft = Path(scratch) / "draft.dat"
            yield draft
            draft.replace(out)
    except OSError as error:
        raise ModelError(f"{out}: cannot be written ({plain_reason(error)})") from error


def plain_reason(error: OSError | ValueError) -> str:
    """Return the reason in a few words."""
    return ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
