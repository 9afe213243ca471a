"""Tells a whole JPEG from one that is cut short.

libjpeg fills what is missing with grey and OpenCV does not pass its warning on, so a face
would be looked for in a half grey picture.
"""

_START, _END = 0xD8, 0xD9
_BARE = {0x01, *range(0xD0, 0xD8)}
"""TEM and RST0-7: the markers without a length."""


def is_cut_short(data: bytes) -> bool:
    """Return whether ``data`` begins as a JPEG but its end marker (EOI) is missing.

    Segments are skipped by their length (ITU-T T.81, B.1), because a thumbnail inside one has
    an end marker of its own; bytes after the end are ignored.
    """
    if data[:2] != bytes((0xFF, _START)):
        return False
    place = 2
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return True
        marker = data[place + 1]
        if marker == _END:
            return False
        if marker == 0xFF:
            place += 1
        elif marker == 0 or marker in _BARE:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
