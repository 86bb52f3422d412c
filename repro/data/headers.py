"""What an image file says about itself: its size, and whether OpenCV, which decodes it later, reads it whole and rightly.

The bytes are read once for their checksum anyway, so the whole container is walked; pixels are not decoded. Found that way: files
cut off, damaged chunks of PNG, more than 8 bits a channel (OpenCV keeps the upper 8 bits, so that 12-bit pictures in 16 bits are
almost black), formats that OpenCV lacks, and files that claim a size which no memory holds.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
from PIL import Image

LARGEST_SIDE = 32_766  # px: OpenCV warps no larger image
LARGEST_IMAGE = 89_478_485  # px: beyond it Pillow warns of a decompression bomb
PNG = b"\x89PNG\r\n\x1a\n"
BITS = "has {} bits a channel, of which OpenCV keeps the upper 8: expected 8, convert it"
CUT = "is cut off, its end is missing"
DAMAGED = "is damaged"
READ_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # baseline, extended and progressive JPEG, by either entropy coder
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of the colour types of PNG
_DEEP = {"I": 32, "F": 32}  # bits of Pillow's modes


class HeaderFault(Exception):
    """The message is what is wrong with a file, as in ``is cut off``."""


def image_header(data: bytes, path: Path) -> tuple[int, int]:
    """The (width, height) of an image.

    Args:
        data: the content of its file.
        path: the path of the file, for formats other than JPEG and PNG.

    Raises:
        HeaderFault: for anything that OpenCV reads wrongly or not at all.
    """
    if data.startswith(b"\xff\xd8"):
        width, height = _jpeg(data)
    elif data.startswith(PNG):
        width, height = _png(data)
    else:
        width, height = _other(data, path)
    _check_size(width, height)
    return width, height


def turned(data: bytes) -> int:
    """The EXIF orientation of an image, 1 (upright) to 8; 1 where there is none. The annotations' frame is the unturned one."""
    if b"Exif" not in data[:65536] and b"eXIf" not in data:
        return 1
    try:
        with Image.open(io.BytesIO(data)) as image:
            return int(image.getexif().get(0x0112, 1))
    except Exception:  # Pillow's decoders raise many kinds; a broken tag turns nothing
        return 1


def _check_size(width: int, height: int) -> None:
    if min(width, height) < 1:
        raise HeaderFault(f"claims a size of {width} x {height} px")
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_IMAGE:
        raise HeaderFault(
            f"claims a size of {width} x {height} px, at most {LARGEST_SIDE} a side and {LARGEST_IMAGE} in all are read"
        )


def _jpeg(data: bytes) -> tuple[int, int]:
    """Walks the segments to the first scan; the end of the image has to follow it."""
    size, position = None, 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 4 > len(data):
            raise HeaderFault(CUT)
        marker = data[position + 1]
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if position + 9 > len(data):
                raise HeaderFault(CUT)
            bits, height, width = struct.unpack(">BHH", data[position + 4 : position + 9])
            if marker not in READ_FRAMES:
                raise HeaderFault("is a lossless or hierarchical JPEG, which OpenCV does not read: convert it")
            if bits != 8:
                raise HeaderFault(BITS.format(bits))
            size = (width, height)
        position += 2 + max(length, 2)
    if size is None:
        raise HeaderFault(DAMAGED)
    if data.rfind(b"\xff\xd9", position) < 0:
        raise HeaderFault(CUT)
    return size


def _check_pixels(data: bytes) -> None:
    """Decode the image. Raises HeaderFault where bytes are missing."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        raise HeaderFault(CUT) from error


def _png(data: bytes) -> tuple[int, int]:
    """Walks the chunks, their checksums included; the compressed pixels have to be able to fill the image."""
    position, compressed, size, needed = len(PNG), 0, None, 0
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body = memoryview(data)[position + 8 : position + 8 + length]
        end = position + 12 + length
        if end > len(data):
            break
        if kind[:1].isupper() and zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise HeaderFault(DAMAGED)
        if kind == b"IHDR" and length == 13:
            width, height, bits, colours = struct.unpack(">IIBB", body[:10])
            if bits > 8:
                raise HeaderFault(BITS.format(bits))
            _check_size(width, height)
            size, needed = (width, height), height * (width * bits * _CHANNELS.get(colours, 1) // 8)
        compressed += length if kind == b"IDAT" else 0
        if kind == b"IEND":
            if size is None or 1032 * compressed < needed:  # deflate packs no denser
                raise HeaderFault(DAMAGED)
            return size
        position = end
    raise HeaderFault(CUT)


def _other(data: bytes, path: Path) -> tuple[int, int]:
    """Formats beside JPEG and PNG: size and depth by Pillow, and whether OpenCV knows the format."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, mode, size = image.format, image.mode, image.size
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        raise HeaderFault("cannot be decoded, it is no image of a known format") from error
    _check_size(*size)
    _check_pixels(data)
    if not cv2.haveImageReader(str(path)):
        raise HeaderFault(f"is a {kind} file, which OpenCV does not read: convert it to JPEG or PNG")
    if mode.startswith("I;16") or mode in _DEEP:
        raise HeaderFault(BITS.format(_DEEP.get(mode, 16)))
    return size
