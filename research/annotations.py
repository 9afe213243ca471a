"""Where the faces of a clip really are, checked by eye, and how well a pipeline's boxes fit.

A file has the faces of one clip as key frames; between two of them a box moves in a straight
line, and before the first and after the last the face is not there.
"""

import bisect
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_fer.errors import DataError
from edge_fer.types import Box, Report

MIN_IOU = 0.3
"""From here on a box is on the face. HOG's boxes come in steps of position and size, and on a
face turned away they lean off it: the worst that are right have about 0.5."""

Number = Annotated[int, Meta(ge=0)]
Side = Annotated[int, Meta(ge=1)]
Key = tuple[Number, int, int, Side, Side]
"""Frame, left, top, width, height."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the file's parts: frozen, and an unknown key is an error."""


class Face(_Part, frozen=True):
    """A face from when it is first seen until it is last seen."""

    face: str
    """Which one, for people."""
    keys: Annotated[list[Key], Meta(min_length=1)]

    def box(self, frame: int) -> Box | None:
        """Where it is in a frame; None where it is not."""
        if not self.keys[0][0] <= frame <= self.keys[-1][0]:
            return None
        after = self.keys[bisect.bisect_left(self.keys, frame, key=lambda key: key[0])]
        if after[0] == frame:
            return Box(*after[1:])
        before = self.keys[self.keys.index(after) - 1]
        part = (frame - before[0]) / (after[0] - before[0])
        return Box(*(round(a + part * (b - a)) for a, b in zip(before[1:], after[1:], strict=True)))


class Truth(_Part, frozen=True):
    """The faces of a clip."""

    clip: str
    """Name of the file."""
    size: tuple[Side, Side]
    """Width and height in px."""
    frames: Side
    count: Number
    """Boxes of all frames together."""
    how: Annotated[str, Meta(min_length=1)]
    """How they were made and checked, and what counts as a face."""
    faces: list[Face]

    def boxes(self, frame: int) -> list[Box]:
        """All faces in a frame, whatever their size; a box may reach beyond the frame."""
        return [box for face in self.faces if (box := face.box(frame)) is not None]


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """How boxes and faces fit; in all frames together."""

    boxes: int
    false: int
    """Boxes on no face."""
    doubled: int
    """Boxes on a face that has one already."""
    faces: int
    found: int
    """Faces with a box."""


def read_truth(path: Path) -> Truth:
    """Read and check a file.

    Raises:
        DataError: it is missing, damaged or contradicts itself; one line.
    """
    try:
        truth = msgspec.json.decode(path.read_bytes(), type=Truth)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {str(error).replace('`', '')}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: must be JSON ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    fault = _fault(truth)
    if fault is not None:
        raise DataError(f"{path}: {fault}")
    return truth


def fit(reports: Iterable[Report], truth: Truth) -> Fit:
    """Compare the tracked boxes of a pipeline's reports on the clip with its faces.

    Raises:
        DataError: the frames have another size or another number than the clip's.
    """
    boxes = false = doubled = faces = found = 0
    for report in reports:
        if tuple(report.size) != truth.size or report.number >= truth.frames:
            raise DataError(
                f"frame {report.number} of {report.size[0]}x{report.size[1]} px: must be one of "
                f"the {truth.frames} of {truth.size[0]}x{truth.size[1]} px of {truth.clip}"
            )
        real = truth.boxes(report.number)
        ours = [verdict.box for verdict in report.verdicts if verdict.track is not None]
        on = [[k for k, face in enumerate(real) if face.iou(box) >= MIN_IOU] for box in ours]
        hit = len({k for faces_hit in on for k in faces_hit})
        missed = sum(not faces_hit for faces_hit in on)
        boxes, faces = boxes + len(ours), faces + len(real)
        false, found = false + missed, found + hit
        doubled += max(0, len(ours) - missed - hit)
    return Fit(boxes, false, doubled, faces, found)


def total(fits: Sequence[Fit]) -> Fit:
    """The sum."""
    names = [field.name for field in dataclasses.fields(Fit)]
    sums: Mapping[str, int] = {name: sum(getattr(one, name) for one in fits) for name in names}
    return Fit(**sums)


def _fault(truth: Truth) -> str | None:
    """What does not fit together; None if all does."""
    inside = Box(0, 0, *truth.size)
    for number, face in enumerate(truth.faces):
        place = f"faces[{number}].keys"
        times = [key[0] for key in face.keys]
        if sorted(set(times)) != times:
            return f"{place}: frames must rise"
        if times[-1] >= truth.frames:
            return f"{place}: frame {times[-1]}: must be below frames = {truth.frames}"
        outside = [key for key in face.keys if not Box(*key[1:]).overlap(inside)]
        if outside:
            return f"{place}: {list(outside[0])} lies outside the frame"
    count = sum(face.keys[-1][0] - face.keys[0][0] + 1 for face in truth.faces)
    if count != truth.count:
        return f"count = {truth.count}: the faces have {count} boxes"
    return None
