"""Why pictures have no number of some metric. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from syncpano.metrics.settings import OF_PAIRS, OF_SETS


def about_gaps(missing: Mapping[str, int], *, by_prompt: bool = False) -> list[str]:
    """A sentence for each reason.

    Args:
        missing: metric -> pictures that have no number of it.
        by_prompt: whether pictures were compared with those of the same prompt only.
    """
    sentences = []
    if alone := [name for name, count in missing.items() if name in OF_PAIRS and count]:
        sentences.append(f"pictures of a single crop have no pairs: left out in {', '.join(alone)}")
    if unmatched := [name for name, count in missing.items() if name in OF_SETS and count]:
        what = "two crops of one prompt" if by_prompt else "two crops"
        sentences.append(
            f"{', '.join(unmatched)} leave pictures out: there are fewer than {what}, of the "
            "pictures or of the reference"
        )
    if missing.get("pocket-fit"):
        sentences.append("pocket-fit leaves pictures out: the judge knows no word of their prompts")
    return sentences
