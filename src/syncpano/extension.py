"""In which order a panorama grows from a centre window outwards. Pure Python, in latent cells."""

from __future__ import annotations

from syncpano.windows import Window


def extension_windows(
    height: int, width: int, size: int, stride: int, *, loop: bool = False
) -> tuple[Window, ...]:
    """The centre window first, then alternately one more to either side, until all is covered.

    Each window after the first shares at least `size - stride` cells with what is there already;
    the last one towards a border is flush with it. Rows grow in the same way: the centre row whole,
    then the rows above and below. In a loop columns wrap, and the last window lies over the middle
    of what is missing: it joins both ends.
    """
    assert size <= min(height, width)
    assert 1 <= stride <= size
    lefts = _ring_order(width, size, stride) if loop else _open_order(width, size, stride)
    tops = _open_order(height, size, stride)
    return tuple(Window(top, left, size) for top in tops for left in lefts)


def _open_order(length: int, size: int, stride: int) -> tuple[int, ...]:
    low = high = (length - size) // 2
    order = [low]
    while low > 0 or high < length - size:
        if low > 0:
            low = max(0, low - stride)
            order.append(low)
        if high < length - size:
            high = min(length - size, high + stride)
            order.append(high)
    return tuple(order)


def _ring_order(length: int, size: int, stride: int) -> tuple[int, ...]:
    left = right = (length - size) // 2
    order, missing = [left], length - size
    most = max(1, min(stride, size - 2))  # the last window reaches one cell into either end
    while missing > most:
        step = min(stride, missing - 1)
        if len(order) % 2:
            left -= step
            order.append(left % length)
        else:
            right += step
            order.append(right % length)
        missing -= step
    if missing:
        order.append((right + size - (size - missing + 1) // 2) % length)
    return tuple(order)
