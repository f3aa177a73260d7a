"""A band of a panorama, drawn from stretches of remembered renders.

# h W the band's cells, p pixels a cell's side
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from syncpano.models.albums import Album
from syncpano.models.cells import smooth
from syncpano.models.quilt import sewn
from syncpano.models.stretches import REACH, Stretch


@dataclass(frozen=True)
class Band:
    """What a band is drawn from.

    Attributes:
        stretches: from left to right.
        renders: what their pictures are: which render, and whether it is mirrored.
        cells: 15 h W, the stretches' colours and their differences to neighbours in the render.
    """

    stretches: list[Stretch]
    renders: list[tuple[int, bool]]
    cells: Tensor

    def drawn(self, pictures: Album, shift: Tensor, factor: int, loop: bool) -> Tensor:
        """3 p*h p*W: the stretches, their cells' colours shifted by 3 h W, sewn together."""
        strips = self._strips(pictures, shift, factor, loop)
        quilt = sewn(strips, 2 * REACH * factor, ring=loop)
        if not loop:
            return quilt
        # It begins where the first stretch can be seen first.
        return quilt.roll((self.stretches[0].place - REACH) * factor, -1)

    def _strips(self, pictures: Album, shift: Tensor, factor: int, loop: bool) -> Iterator[Tensor]:
        """3 p*h n: every stretch, and a little of what is left and right of it in its render."""
        last = len(self.stretches) - 1
        for index, stretch in enumerate(self.stretches):
            before = REACH if loop or index > 0 else 0
            after = REACH if loop or index < last else 0
            render, mirrored = self.renders[stretch.picture]
            picture = pictures.picture(render)
            if mirrored:
                picture = picture.flip(-1)
            start = (stretch.first - before) * factor
            end = (stretch.first + stretch.length + after) * factor
            places = torch.arange(stretch.place, stretch.place + stretch.length)
            own = F.pad(shift[..., places % shift.shape[-1]], (before, after), mode="replicate")
            # In place: fresh memory for every product would cost more than the arithmetic.
            strip = picture[..., start:end].to(shift).div_(127.5).sub_(1)
            yield strip.add_(smooth(own, factor)).clamp_(-1, 1)
