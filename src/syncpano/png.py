"""Text inside PNG files. Chunks are written by hand so that pixels are encoded only once.

The run log holds how long the encoding took, so its text can only be added afterwards.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from syncpano.errors import SyncPanoError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_END = len(SIGNATURE) + 12 + 13  # the IHDR chunk always comes first, with 13 bytes of data
MAX_TEXT_BYTES = 64 * 2**20
PREVIEW = "syncpano-preview"  # keyword in what `--save-steps` writes


def insert_text(png: bytes, texts: Mapping[str, str]) -> bytes:
    """A copy of an encoded PNG with text chunks after its header (tEXt if ASCII, else iTXt)."""
    assert png.startswith(SIGNATURE)
    chunks = b"".join(_text_chunk(keyword, text) for keyword, text in texts.items())
    return png[:HEADER_END] + chunks + png[HEADER_END:]


def read_text(path: Path) -> dict[str, str]:
    """Keyword -> text of every uncompressed text chunk in front of the pixels.

    Raises:
        SyncPanoError: the file is no PNG, or damaged.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(len(SIGNATURE)) != SIGNATURE:
                raise SyncPanoError(f"{path} is not a PNG")
            return texts_behind_signature(stream, path)
    except OSError as error:
        raise _unreadable(path, error) from error


def texts_behind_signature(stream: BinaryIO, path: Path) -> dict[str, str]:
    """`read_text` for who has opened the file and read its first bytes: a pipe is read only once.

    Raises:
        SyncPanoError: the file is damaged.
        OSError: it cannot be read.
    """
    texts: dict[str, str] = {}
    for kind, body in _chunks(stream, path):
        keyword, _, rest = body.partition(b"\0")
        if kind == b"tEXt":
            texts[keyword.decode("latin-1")] = rest.decode("latin-1")
        elif kind == b"iTXt" and rest[:1] == b"\0":  # not compressed
            text = rest[2:].split(b"\0", 2)[-1]
            texts[keyword.decode("latin-1")] = text.decode("utf-8", "replace")
    return texts


def is_png(path: Path) -> bool:
    """Whether a file begins as a PNG does.

    Raises:
        SyncPanoError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(len(SIGNATURE)) == SIGNATURE
    except OSError as error:
        raise _unreadable(path, error) from error


def is_whole(path: Path) -> bool:
    """Whether a PNG goes on to its end mark; a copy that was cut off does not.

    Raises:
        SyncPanoError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(stream.tell() - len(_END), 0))
            return stream.read() == _END
    except OSError as error:
        raise _unreadable(path, error) from error


def _text_chunk(keyword: str, text: str) -> bytes:
    name = keyword.encode("latin-1")
    if text.isascii() and keyword != "syncpano":  # the run log is always in the same kind of chunk
        return _chunk(b"tEXt", name + b"\0" + text.encode("ascii"))
    # Not compressed, no language, no translated keyword.
    return _chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


_END = _chunk(b"IEND", b"")


def _chunks(stream: BinaryIO, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of the chunks in front of the pixels."""
    while len(header := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind in (b"IDAT", b"IEND"):
            return
        if length > MAX_TEXT_BYTES:
            break
        yield kind, stream.read(length)
        stream.read(4)
    raise SyncPanoError(f"{path} is a damaged PNG", hint="give another file, or paint it again")


def _unreadable(path: Path, error: OSError) -> SyncPanoError:
    return SyncPanoError(
        f"{path} cannot be read: {error.strerror or error}",
        hint="see where it leads and who may read it",
    )
