"""Writes the fixtures in `tests/fixtures/images`, a selection of the files that `cargo xtask images` generates:

    fixtures.py FOLDER
"""
import pathlib
import shutil
import sys
import tempfile

import jpegs
import others

JPEGS = {
    "each": ("2x2,1x1,1x1", "each", (37, 29), ()),
    "each_with_restarts": ("2x1,1x1,1x1", "each", (37, 29), ("-restart", "2B")),
    "luma_last": ("1x2,1x1,1x1", "luma-last", (37, 29), ()),
    "luma_then_chroma": ("2x2,1x1,1x1", "luma-then-chroma", (37, 29), ()),
    "fine_chroma": ("1x1,2x2,2x2", "one", (37, 29), ()),
    "three_resolutions": ("4x1,2x1,1x1", "progressive-each", (37, 29), ()),
    "refined": ("1x1,2x1,1x1", "progressive-mixed", (37, 29), ()),
    "three_across": ("3x1,1x1,1x1", "one", (37, 29), ()),
    "small": ("2x2,1x1,1x1", "one", (4, 4), ()),
}
ARITHMETIC = ("1x1,1x1,1x1", "one", (9, 7), ("-arithmetic",))
TIFFS = {
    "jpeg_strips": "pillow_jpeg_YCbCr",
    "group_3": "pillow_group3",
    "group_4": "pillow_group4",
    "lzw": "pillow_tiff_lzw_RGBA",
    "predictor_in_tiles": "unspecified_32",
    "planes": "planes_12",
    "palette": "palette_4_bits",
    "big_endian_64_bits": "gray_alpha_3",
}

folder = pathlib.Path(sys.argv[1])
with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    for name, variant in JPEGS.items():
        shutil.copy(jpegs.cjpeg(scratch, *variant), folder / "unusual" / f"{name}.jpg")
    shutil.copy(jpegs.cjpeg(scratch, *ARITHMETIC), folder / "arithmetic.jpg")
    others.tiff(scratch)
    for name, drawn in TIFFS.items():
        shutil.copy(scratch / f"{drawn}.tif", folder / "unusual" / f"{name}.tif")
