"""What a reader said about which clusters of two images are one lesion, and which are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MarkKey = tuple[str, int]
"""Name of an image, and the id of a cluster in it."""
Pair = frozenset[MarkKey]


@dataclass(frozen=True)
class Correspondences:
    """Pairs of clusters that a reader judged; of all others the likelihood decides.

    Parameters
    ----------
    together, apart : frozenset of frozenset
        Pairs of (image, cluster id) that are one lesion, and that are not.
    """

    together: frozenset[Pair] = frozenset()
    apart: frozenset[Pair] = frozenset()

    def says(self, one: MarkKey, other: MarkKey) -> bool | None:
        """Whether two clusters are one lesion; None where the reader said nothing."""
        pair = frozenset((one, other))
        return True if pair in self.together else False if pair in self.apart else None

    def joined(self, one: MarkKey, other: MarkKey) -> Correspondences:
        """After the reader said that two clusters are one lesion: what this contradicts is forgotten."""
        pair = frozenset((one, other))
        kept = {said for said in self.together if not _rivals(said, one, other)}
        return Correspondences(frozenset(kept | {pair}), self.apart - {pair})

    def parted(self, one: MarkKey, other: MarkKey) -> Correspondences:
        """After the reader said that two clusters are two lesions."""
        pair = frozenset((one, other))
        return Correspondences(self.together - {pair}, self.apart | {pair})

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it, in a fixed order."""
        return {"together": _listed(self.together), "apart": _listed(self.apart)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Correspondences:
        """Of :meth:`to_dict`."""
        return cls(
            *(
                frozenset(frozenset((image, int(key)) for image, key in pair) for pair in record[name])
                for name in ("together", "apart")
            )
        )


def _rivals(said: Pair, one: MarkKey, other: MarkKey) -> bool:
    """Whether a pair joins one of two clusters to another cluster of the other's image."""
    return any(
        own in said and any(key[0] == image and key != own for key in said)
        for own, image in ((one, other[0]), (other, one[0]))
    )


def _listed(pairs: Iterable[Pair]) -> list[list[list[Any]]]:
    return sorted(sorted(list(key) for key in pair) for pair in pairs)


NOTHING_SAID = Correspondences()
