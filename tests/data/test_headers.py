"""What image files say about themselves, against OpenCV and Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from repro.data.headers import HeaderFault, image_header, turned

Y, X = np.mgrid[:30, :40]
PIXELS = np.dstack([X * 6, Y * 8, 255 - X * 6]).astype(np.uint8)


def encoded(kind: str, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int = 8, pixels: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def header(data: bytes, folder: Path) -> tuple[int, int]:
    (folder / "file").write_bytes(data)
    return image_header(data, folder / "file")


GOOD = {
    "jpeg": encoded("JPEG"),
    "progressive": encoded("JPEG", progressive=True),
    "markers in a comment": encoded("JPEG", comment=b"\xff\xd9 \xff\xda"),
    "trailing": encoded("JPEG") + bytes(100),
    "png": encoded("PNG"),
    "bmp": encoded("BMP"),
    "webp": encoded("WEBP"),
    "tiff": encoded("TIFF"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_the_size_is_that_of_the_decoded_image(kind, tmp_path):
    assert header(GOOD[kind], tmp_path) == (40, 30)
    assert cv2.imread(str(tmp_path / "file")).shape == (30, 40, 3)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_off_is_told(kind, share, tmp_path):
    data = GOOD[kind].rstrip(b"\0")
    with pytest.raises(HeaderFault, match="cut off|damaged|cannot be decoded"):
        header(data[: int(share * len(data))], tmp_path)


def test_a_jpeg_without_its_last_marker_is_cut_off(tmp_path):
    assert GOOD["jpeg"].endswith(b"\xff\xd9")
    with pytest.raises(HeaderFault, match="cut off"):
        header(GOOD["jpeg"][:-2], tmp_path)


def test_flipped_bytes_of_a_png_are_told(tmp_path):
    data = bytearray(GOOD["png"])
    data[len(data) // 2] ^= 0xA5
    with pytest.raises(HeaderFault, match="damaged"):
        header(bytes(data), tmp_path)


def test_more_than_8_bits_are_told(tmp_path):
    deep = cv2.imencode(".png", PIXELS.astype(np.uint16) * 16)[1].tobytes()
    with pytest.raises(HeaderFault, match="16 bits a channel"):
        header(deep, tmp_path)
    deep = cv2.imencode(".tiff", PIXELS.astype(np.uint16)[..., 0] * 16)[1].tobytes()
    with pytest.raises(HeaderFault, match="16 bits a channel"):
        header(deep, tmp_path)


@pytest.mark.parametrize(
    ("frame", "bits", "fault"), [(0xC3, 8, "lossless"), (0xC7, 8, "lossless"), (0xC1, 12, "12 bits")]
)
def test_frames_of_jpeg_that_opencv_lacks_are_told(frame, bits, fault, tmp_path):
    data = bytearray(GOOD["jpeg"])
    start = data.find(b"\xff\xc0")
    data[start + 1], data[start + 4] = frame, bits
    with pytest.raises(HeaderFault, match=fault):
        header(bytes(data), tmp_path)


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 1), (32_767, 10), (14_000, 14_000), (0, 5)])
def test_sizes_that_nothing_holds_are_told(size, tmp_path):
    with pytest.raises(HeaderFault, match=f"claims a size of {size[0]} x {size[1]} px"):
        header(png(*size), tmp_path)


def test_pixels_that_cannot_fill_the_image_are_told(tmp_path):
    assert header(png(4, 3, pixels=bytes(3 * 13)), tmp_path) == (4, 3)
    with pytest.raises(HeaderFault, match="damaged"):
        header(png(4000, 3000, pixels=b"few"), tmp_path)


def test_formats_that_opencv_lacks_are_told(tmp_path):
    with pytest.raises(HeaderFault, match="is a TGA file, which OpenCV does not read"):
        header(encoded("TGA"), tmp_path)


@pytest.mark.parametrize("data", [b"text", bytes(100), b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_is_no_image_is_told(data, tmp_path):
    with pytest.raises(HeaderFault):
        header(data, tmp_path)


def test_orientation():
    exif = Image.Exif()
    exif[0x0112] = 3
    assert turned(encoded("JPEG", exif=exif)) == 3
    assert turned(GOOD["jpeg"]) == turned(GOOD["png"]) == turned(b"Exif") == 1
