"""HTML pages that need nothing but themselves. No torch."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_TEMPLATES = Path(__file__).parent / "templates"


def fill(name: str, /, **values: str) -> str:
    """A file of templates/ with every `{{NAME}}` replaced; values must be HTML already."""
    before, *rest = (_TEMPLATES / name).read_text(encoding="utf-8").split("{{")
    parts = [before]
    for piece in rest:
        placeholder, _, after = piece.partition("}}")
        parts += [values[placeholder], after]
    return "".join(parts)


def data_uri(image: Image, quality: int = 88) -> str:
    """A picture as JPEG for an `src` attribute."""
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
