"""Damage bytes, in the same way for the same number.

hypothesis cannot take its place: a case that kills a child process must be made again there from
its number alone, and a million cases must cost little more than the parser itself.
"""

import random
import re
from collections.abc import Callable, Sequence

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMBERS = (
    *b"0 -1 1 -0.0 255 256 65536 2147483648 4294967296 9223372036854775808".split(),
    *b"-9223372036854775809 1e400 1e-400 nan inf -inf 0x10 1_0 1.5 true null \xd9\xa3".split(),
    b"1" * 40,
    b"9" * 5000,
)
_TOKENS = (
    *(b"", b"\0", b"\n", b"\r", b"\r\n", b"\t", b"\x1b[2J", b"\x7f", b"\x85", b"\xc2\x85", b"\xff"),
    *(b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xc2\xa0", b" "),
    *b'\' " """ \\ \\u0000 \\ud800 [ ] { } [[ = , : # % %00 @ / ../ // ? \xe2\x80\xae'.split(),
    b"[" * 3000,
    b"x" * 3000,
)

Damage = Callable[[bytearray, random.Random], None]


def mutate(seeds: Sequence[bytes], name: str, number: int, words: Sequence[bytes] = ()) -> bytes:
    """Return case ``number`` of a target: one of its seeds, with up to eight damages.

    ``words`` are those of the format, which are inserted too.
    """
    dice = random.Random(f"{name}/{number}")
    data = bytearray(dice.choice(seeds))
    for _ in range(min(8, 1 + int(dice.expovariate(0.7)))):
        kind = dice.randrange(9)
        if kind == 0:
            _put(data, dice, dice.choice(words or _TOKENS))
        elif kind == 1:
            _put(data, dice, dice.choice(_TOKENS))
        elif kind == 2:
            _splice(data, dice, dice.choice(seeds))
        else:
            _DAMAGES[kind - 3](data, dice)
    return bytes(data)


def _flip(data: bytearray, dice: random.Random) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _overwrite(data: bytearray, dice: random.Random) -> None:
    if data:
        at = dice.randrange(len(data))
        values = bytes([dice.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, dice.randrange(256)))])
        data[at : at + 1] = values * dice.choice((1, 1, 2, 4, 8))


def _delete(data: bytearray, dice: random.Random) -> None:
    start, end = _span(data, dice)
    del data[start:end]


def _repeat(data: bytearray, dice: random.Random) -> None:
    start, end = _span(data, dice)
    at = dice.randrange(len(data) + 1)
    data[at:at] = data[start:end] * dice.choice((1, 1, 2, 5))


def _cut(data: bytearray, dice: random.Random) -> None:
    if dice.random() < 0.3:
        del data[dice.randrange(len(data) + 1) :]


def _number(data: bytearray, dice: random.Random) -> None:
    # Only in a window: searching a large file of numbers would take most of the time.
    start = max(0, dice.randrange(len(data) + 1) - 16)
    found = _NUMBER.search(data, start, start + 256)
    if found:
        data[found.start() : found.end()] = dice.choice(_NUMBERS)
    else:
        _flip(data, dice)


_DAMAGES: tuple[Damage, ...] = (_flip, _overwrite, _delete, _repeat, _cut, _number)


def _put(data: bytearray, dice: random.Random, token: bytes) -> None:
    start, end = _span(data, dice)
    data[start : end if dice.random() < 0.5 else start] = token


def _splice(data: bytearray, dice: random.Random, other: bytes) -> None:
    start, end = _span(other, dice)
    at = dice.randrange(len(data) + 1)
    data[at : at + dice.choice((0, end - start))] = other[start:end]


def _span(data: bytes | bytearray, dice: random.Random) -> tuple[int, int]:
    """Return a range, most often a short one."""
    start = dice.randrange(len(data) + 1)
    longest = len(data) - start
    length = min(longest, int(dice.expovariate(1 / dice.choice((2, 8, 64, 1 + longest // 2)))))
    return start, start + length
