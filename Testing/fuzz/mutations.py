"""Seeded damage to the bytes of a file, of the kinds that real faults and hostile hands make."""

from __future__ import annotations

import random

_NUMBERS = [b"0", b"-1", b"1", b"160", b"65536", b"2147483648", b"99999999999999999999", b"nan", b"inf", b"1e400", b""]
_PIECES = [b"\0", b"\xff", b"\n", b"\r", b"=", b":", b" ", b"x" * 1000, b"9" * 300, b"../secret", b"%s%n", b"\xff\xd8"]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with one to eight faults; mostly near its beginning, where the header is."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        chance.choice([_flip, _flip, _overwrite, _overwrite, _cut, _insert, _remove, _repeat, _number, _swap])(
            damaged, chance
        )
    return bytes(damaged)


def _place(damaged: bytearray, chance: random.Random) -> int:
    length = len(damaged)
    reach = chance.choice([64, 400, 2000, length, length])
    return chance.randrange(max(min(reach, length), 1))


def _flip(damaged: bytearray, chance: random.Random) -> None:
    if damaged:
        damaged[_place(damaged, chance)] ^= 1 << chance.randrange(8)


def _overwrite(damaged: bytearray, chance: random.Random) -> None:
    place, length = _place(damaged, chance), chance.choice([1, 2, 4, 4, 8, 64])
    piece = chance.choice(
        [b"\xff" * length, b"\0" * length, chance.randbytes(length), b"\x7f" + b"\xff" * (length - 1)]
    )
    damaged[place : place + length] = piece


def _cut(damaged: bytearray, chance: random.Random) -> None:
    del damaged[_place(damaged, chance) :]


def _insert(damaged: bytearray, chance: random.Random) -> None:
    place = _place(damaged, chance)
    damaged[place:place] = chance.choice(_PIECES)


def _remove(damaged: bytearray, chance: random.Random) -> None:
    place = _place(damaged, chance)
    del damaged[place : place + chance.choice([1, 2, 4, 30, 500])]


def _repeat(damaged: bytearray, chance: random.Random) -> None:
    place = _place(damaged, chance)
    piece = bytes(damaged[place : place + chance.choice([1, 8, 60, 400])])
    damaged[place:place] = piece * chance.choice([1, 2, 50])


def _number(damaged: bytearray, chance: random.Random) -> None:
    """Another number in place of a number written as text."""
    digits = [place for place in range(min(len(damaged), 4000)) if chr(damaged[place]).isdigit()]
    if digits:
        first = chance.choice(digits)
        last = first
        while last < len(damaged) and chr(damaged[last]).isdigit():
            last += 1
        damaged[first:last] = chance.choice(_NUMBERS)


def _swap(damaged: bytearray, chance: random.Random) -> None:
    one, other, length = _place(damaged, chance), _place(damaged, chance), chance.choice([1, 4, 16, 100])
    if max(one, other) + length < len(damaged) and abs(one - other) >= length:
        pieces = damaged[one : one + length], damaged[other : other + length]
        damaged[one : one + length], damaged[other : other + length] = pieces[1], pieces[0]
