"""Lay remembered pictures side by side in long stretches that meet where they differ least.

# M pictures, C channels, h w their cells, S = M w their columns, picture by picture, K ways into a
# column, W columns of the panorama

The panorama's columns are a Markov chain whose states are remembered columns: of two pictures of
four columns 0 1 2 3 and 4 5 6 7, so the path 1 2 6 7 shows two columns of either. Going on to a
picture's next column is free; every other way has a price. The cheapest chain is found by dynamic
programming (Viterbi 1967).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 3  # columns on either side of a change in which its seam may lie
_CONTEXT = 3  # columns on either side of a change that are compared
_WAYS = 32  # into a column, the cheapest ones
_NEVER = 1e6


@dataclass(frozen=True)
class Ways:
    """The ways into every column: S K columns to come from, and S K prices.

    The following column is among them for free; of all others the cheapest are kept.
    """

    sources: Tensor
    prices: Tensor

    @classmethod
    def between(cls, pictures: Tensor, surcharge: Tensor, mismatch: float) -> Ways:
        """The ways between the columns of pictures.

        Args:
            pictures: M C h w, what is compared where pictures meet.
            surcharge: S S, price of a change from one column to another, whatever is seen there.
            mismatch: price of a unit of squared difference.
        """
        count, width = len(pictures), pictures.shape[-1]
        columns = pictures.permute(0, 3, 1, 2).flatten(2)  # M w D
        before = _surroundings(columns, 1)  # what follows a column, and the column itself
        after = _surroundings(columns, 0)
        squares = before.square().sum(1)[:, None], after.square().sum(1)
        # In place: S S numbers cost more in fresh memory than in arithmetic.
        prices = (before @ after.T).mul_(-2).add_(squares[0]).add_(squares[1])
        prices.clamp_(min=0).mul_(mismatch).add_(surcharge)
        column = torch.arange(count * width, device=pictures.device)
        place = column % width
        # A seam needs both pictures on both sides of it.
        prices[place >= width - REACH] = _NEVER
        prices[:, place < REACH] = _NEVER
        following = column[place < width - 1]
        prices[following, following + 1] = 0.0
        cheapest = prices.topk(min(_WAYS, len(prices)), dim=0, largest=False)
        return cls(cheapest.indices.T.contiguous(), cheapest.values.T.contiguous())

    def onward(self) -> Ways:
        """Those that go on to a picture's next column."""
        column = torch.arange(len(self.sources), device=self.sources.device)[:, None]
        return Ways(self.sources, self.prices.masked_fill(self.sources + 1 != column, _NEVER))

    def into(self, column: int, total: Tensor) -> int:
        """The column to come from into another, where a path to each of all costs `total`, S."""
        sources = self.sources[column]
        return int(sources[(total[sources] + self.prices[column]).argmin()])


def _surroundings(columns: Tensor, shift: int) -> Tensor:
    """M w D -> S D': around the edge to the left of every column, or `shift` columns further."""
    width = columns.shape[1]
    place = torch.arange(width, device=columns.device)
    around = range(shift - _CONTEXT, shift + _CONTEXT)
    near = [columns[:, (place + offset).clamp(0, width - 1)] for offset in around]
    return torch.cat(near, -1).flatten(0, 1)


def cheapest_path(prices: Tensor, ways: Ways, *, ring: bool = False) -> Tensor:
    """W: the column of every place, such that prices (W S) and ways cost the least.

    A ring is closed where an open path of its columns is in the middle, far from its own ends.
    """
    path = _cheapest(prices, ways)
    if not ring:
        return path
    middle = len(prices) // 2
    seam = path[middle : middle + 1]
    following = prices.roll(-middle, 0)[1:]
    closed = torch.cat([seam, _cheapest(following, ways, after=int(seam), before=int(seam))])
    return closed.roll(middle, 0)


def _cheapest(
    prices: Tensor, ways: Ways, *, after: int | None = None, before: int | None = None
) -> Tensor:
    """The cheapest path, of those that can follow the one column and be followed by the other.

    Where it begins or ends at the panorama's border, the picture there is seen for REACH columns:
    what is drawn of a stretch ends at the border, and a narrower one would have no room for its
    seam.
    """
    onward = ways.onward()

    def into(place: int) -> Ways:
        near_left = after is None and place < REACH
        near_right = before is None and place > len(prices) - REACH
        return onward if near_left or near_right else ways

    total = torch.zeros_like(prices[0])
    if after is not None:
        total += _NEVER * (len(prices) + 1)
        total[after] = 0.0
    # The totals are kept, not the way that each was reached by: one path alone asks for its ways.
    sources, totals = ways.sources.flatten(), {}
    for place, price in enumerate(prices):
        if place > 0 or after is not None:
            totals[place] = total
            reached = total.index_select(0, sources).view_as(ways.prices)
            total = reached.add_(into(place).prices).amin(1)
        total = total + price
    path = [int(total.argmin()) if before is None else ways.into(before, total)]
    for place in reversed(totals):
        path.append(into(place).into(path[-1], totals[place]))
    if after is not None:
        path.pop()
    return torch.tensor(path[::-1], device=prices.device)


@dataclass(frozen=True)
class Repetition:
    """What it costs to show again what a path shows already.

    Attributes:
        places: S, what a column shows; a picture and its mirror image show the same.
        again: price of every further use of a place.
        singles: S, whether a column shows what there is one of, whatever the picture.
        second: price of a column with another one.
    """

    places: Tensor
    again: float
    singles: Tensor
    second: float

    def prices(self, path: Tensor) -> Tensor:
        """S: what every column costs more beside those of a path."""
        used = torch.bincount(self.places[path], minlength=int(self.places.max()) + 1)
        second = self.second if self.singles[path].any() else 0.0
        return self.again * used[self.places] + second * self.singles


def varied_path(prices: Tensor, ways: Ways, repetition: Repetition, *, ring: bool) -> Tensor:
    """A cheap path that comes back to few places: W columns.

    Stretch by stretch from left to right: what has been laid stays, its places cost more from there
    on, and the rest is the cheapest path then. (To price what the last path has used, everywhere,
    and look for a whole path again only swings between two that repeat themselves.)
    """
    path = cheapest_path(prices, ways, ring=ring)
    turn = _first_stretch(path) % len(path) if ring else 0
    prices, path = prices.roll(-turn, 0), path.roll(-turn)
    goal = int(path[0]) if ring else None
    laid = 0
    while True:
        laid += _first_stretch(path[laid:])
        if laid == len(path):
            return path.roll(turn)
        rest = prices[laid:] + repetition.prices(path[:laid])
        path[laid:] = _cheapest(rest, ways, after=int(path[laid - 1]), before=goal)


def _first_stretch(path: Tensor) -> int:
    """Places of a path until it first leaves a picture."""
    leaves = (path[1:] != path[:-1] + 1).nonzero()
    return int(leaves[0]) + 1 if len(leaves) else len(path)


@dataclass(frozen=True)
class Stretch:
    """A run of a picture's columns.

    Attributes:
        picture: which one.
        first: its first column in the picture.
        place: that column's place in the panorama.
        length: columns.
    """

    picture: int
    first: int
    place: int
    length: int


def stretches_of(path: Tensor, width: int, *, ring: bool) -> list[Stretch]:
    """The stretches that a path, W columns of S, consists of, in order.

    In a ring one of them may go on beyond the last place, at the first one.

    Args:
        width: w.
    """
    goes_on = (path == path.roll(1) + 1) & (path % width > 0)
    if not ring:
        goes_on[0] = False
    places = (~goes_on).nonzero().flatten().tolist()
    ends = [*places[1:], places[0] + len(path)]
    columns = [divmod(int(path[place]), width) for place in places]
    return [
        Stretch(picture, first, place, end - place)
        for (picture, first), place, end in zip(columns, places, ends, strict=True)
    ]
