"""Comparison grids: the panoramas of all rows under one prompt in one picture. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP = 12  # pixels between strips
# Of a picture's width, so that a label can still be read where the whole sheet is shown small.
LABEL_SHARE = 1 / 48
LEAST_LABEL = 28  # pixels


def compare(pictures: Sequence[Image.Image], labels: Sequence[str], title: str) -> Image.Image:
    """Wide pictures one below the other, tall ones side by side, each under its label."""
    size = max(LEAST_LABEL, round(LABEL_SHARE * pictures[0].width))
    font = ImageFont.load_default(size)
    band = size + GAP
    tall = pictures[0].height > pictures[0].width
    columns = len(pictures) if tall else 1
    rows = 1 if tall else len(pictures)
    texts = labels if tall else ()  # a wide strip has room for its label
    width = max([p.width for p in pictures] + [round(font.getlength(t)) for t in texts]) + GAP
    height = max(picture.height for picture in pictures) + band + GAP
    total = max(columns * width, round(font.getlength(title)) + GAP) + GAP
    sheet = Image.new("RGB", (total, band + GAP + rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP // 2), title, "black", font)
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left = GAP + (index * width if tall else 0)
        top = band + GAP + (0 if tall else index * height)
        draw.text((left, top), label, "#333333", font)
        sheet.paste(picture, (left, top + band))
    return sheet
