"""Damages bytes, the same way for the same number."""

import random
import re
from collections.abc import Callable, Sequence

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"-0.0",
    b"255",
    b"256",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"1" * 40,
    b"9" * 5000,
    b"1e400",
    b"1e-400",
    b"nan",
    b"inf",
    b"-inf",
    b"0x10",
    b"1_0",
    b"1.5",
    b"true",
    b"null",
    b"\xd9\xa3",
)
_TOKENS = (
    b"",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"\x1b[2J",
    b"\x7f",
    b"\x85",
    b"\xc2\x85",
    b"\xff",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\xc2\xa0",
    b"'",
    b'"',
    b'"""',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"[",
    b"]",
    b"{",
    b"}",
    b"[[",
    b"=",
    b",",
    b":",
    b"#",
    b"%",
    b"%00",
    b"@",
    b"/",
    b"../",
    b"//",
    b"?",
    b" ",
    b"\xe2\x80\xae",
    b"[" * 3000,
    b"x" * 3000,
)

Damage = Callable[[bytearray, random.Random], None]


def mutate(seeds: Sequence[bytes], name: str, number: int, words: Sequence[bytes] = ()) -> bytes:
    """Case ``number`` of the target ``name``: one of its seeds, with up to eight damages.

    ``words`` are what the format is made of, put in at random places too.
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
    # A window, since a large file of numbers would be searched for most of the time.
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
    """A short piece, as most are, or a long one."""
    start = dice.randrange(len(data) + 1)
    longest = len(data) - start
    length = min(longest, int(dice.expovariate(1 / dice.choice((2, 8, 64, 1 + longest // 2)))))
    return start, start + length
