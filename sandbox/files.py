"""Files that were sent: kept on disk, described in the database, addressed by ids as Telegram does."""

import hashlib
import mimetypes
import re
import secrets
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import ApiError, bad_request
from sandbox.store import Store

MAX_PHOTO_BYTES = 10 * 1024 * 1024
MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_PHOTO_SIDES = 10_000
MAX_PHOTO_RATIO = 20


@dataclass(frozen=True)
class Upload:
    """A file as it arrived in a request."""

    name: str
    content: bytes
    mime_type: str = ""


class Files:
    """Keeps uploads and finds them again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.folder = store.data_dir / "files"
        self.folder.mkdir(exist_ok=True)

    def keep(self, kind: str, upload: Upload) -> str:
        """Store an upload as a photo or document and give its file id."""
        size = len(upload.content)
        if not size:
            raise bad_request("file must be non-empty")
        if size > MAX_FILE_BYTES:
            raise ApiError(413, "Request Entity Too Large")
        sides = _checked_photo(upload.content) if kind == "photo" else (None, None)
        unique_id = "AQAD" + secrets.token_urlsafe(9)
        name = _safe_name(upload.name)
        mime_type = upload.mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind == "photo":
            mime_type = _image_type(upload.content)
        suffix = mimetypes.guess_extension(mime_type) if kind == "photo" else Path(name).suffix
        path = f"{kind}s/file_{hashlib.sha256(unique_id.encode()).hexdigest()[:12]}{suffix or ''}"
        target = self.folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(upload.content)
        self._store.run(
            "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(unique_id, kind, path, name, mime_type, size, *sides),
        )
        return _file_id(kind, unique_id)

    def find(self, file_id: str) -> sqlite3.Row:
        """The file behind an id of ours."""
        row = self._store.row("SELECT * FROM files WHERE unique_id = ?", file_id[4:])
        if row is None or _file_id(row["kind"], row["unique_id"]) != file_id:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return row

    def at(self, path: str) -> sqlite3.Row | None:
        """The file with a path that getFile gave."""
        return self._store.row("SELECT * FROM files WHERE path = ?", path)

    def media(self, kind: str, file_id: str) -> dict[str, Any]:
        """How a message carries the file: `photo` or `document`."""
        row = self.find(file_id)
        if row["kind"] != kind:
            raise bad_request(f"can't use file of type {row['kind'].capitalize()} as {kind.capitalize()}")
        ids = {"file_id": file_id, "file_unique_id": row["unique_id"], "file_size": row["size"]}
        if kind == "photo":
            return {"photo": [ids | {"width": row["width"], "height": row["height"]}]}
        return {"document": ids | {"file_name": row["name"], "mime_type": row["mime_type"]}}


def _file_id(kind: str, unique_id: str) -> str:
    return {"photo": "AgAC", "document": "BQAC"}[kind] + unique_id


def _safe_name(name: str) -> str:
    tidy = re.sub(r"[\x00-\x1f/\\]", "_", name).strip() or "file"
    stem, dot, suffix = tidy.rpartition(".")
    return (stem[:60] + dot + re.sub(r"[^\w]", "", suffix)[:10]) if stem else tidy[:60]


def _checked_photo(content: bytes) -> tuple[int, int]:
    if len(content) > MAX_PHOTO_BYTES:
        raise bad_request(
            f"file of size {len(content)} bytes is too big for a photo; the maximum size is {MAX_PHOTO_BYTES} bytes"
        )
    sides = image_sides(content)
    if sides is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    short, long = sorted(sides)
    if short == 0 or sum(sides) > MAX_PHOTO_SIDES or long > MAX_PHOTO_RATIO * short:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return sides


def _image_type(content: bytes) -> str:
    """The type by the content: a name may be missing or wrong."""
    starts = {b"\x89P": "image/png", b"GI": "image/gif", b"\xff\xd8": "image/jpeg", b"RI": "image/webp"}
    return starts[content[:2]]


def image_sides(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, JPEG, GIF or WebP picture; None when it is none of them."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content[:6] in {b"GIF87a", b"GIF89a"} and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
        return width, height
    if content[:2] == b"\xff\xd8":
        return _jpeg_sides(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP" and len(content) >= 30:
        return _webp_sides(content)
    return None


def _jpeg_sides(content: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 < len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", content[position + 5 : position + 9])
            return width, height
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return None


def _webp_sides(content: bytes) -> tuple[int, int] | None:
    kind = content[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(content[24:27], "little") + 1
        return width, int.from_bytes(content[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", content[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
