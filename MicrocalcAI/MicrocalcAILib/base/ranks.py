"""The value of a rank among others, in compiled calculations."""

from __future__ import annotations

from .kernels import kernel


@kernel
def value_of_rank(values, rank, first, last):  # type: ignore[no-untyped-def]
    """The value of a rank among values[first..last], which are partly sorted in place (Hoare's quickselect).

    Compiled faster than ``numpy.partition`` and what stands on it. Afterwards nothing before ``rank`` is larger.
    """
    while last > first:
        pivot = values[(first + last) // 2]
        i, j = first, last
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            last = j
        elif rank >= i:
            first = i
        else:
            break
    return values[rank]
