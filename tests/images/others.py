"""TIFF, PNG, BMP, GIF and WebP files in the layouts that programs write, with the correct images."""
import itertools
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

from synthetic import rough, smooth

SIZE = (45, 31)


def gray(values):
    """Returns gray values (height, width) as red, green and blue."""
    return np.repeat(values[..., None], 3, -1)


def tiff(folder):
    width, height = SIZE
    rgb, four, five = smooth(*SIZE), rough(*SIZE, 4), rough(*SIZE, 5)
    alpha = np.maximum(rough(*SIZE, 1), 30)
    wide = rgb.astype(np.uint16) * 257
    files = []

    def write(name, values, right, word=None, **options):
        file = folder / f"{name}.tif"
        tifffile.imwrite(file, values, metadata=None, **options)
        files.append((file, right, word))

    packed = [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}]
    chunked = [{}, {"rowsperstrip": 7}, {"tile": (16, 32)}]
    orders = [{}, {"byteorder": ">"}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}]
    for number, (pack, chunk, order) in enumerate(itertools.product(packed, chunked, orders)):
        options = {**pack, **chunk, **order}
        write(f"rgb_{number}", rgb, rgb, photometric="rgb", **options)
        write(f"rgb16_{number}", wide, rgb, photometric="rgb", **options)
        write(f"gray_{number}", rgb[..., 0], gray(rgb[..., 0]), photometric="minisblack", **options)
        write(f"white_{number}", rgb[..., 0], gray(255 - rgb[..., 0]), photometric="miniswhite", **options)
        write(f"unassociated_{number}", four, four[..., :3], photometric="rgb", extrasamples=["unassalpha"], **options)
        write(f"unspecified_{number}", four, four[..., :3], photometric="rgb", extrasamples=["unspecified"], **options)
        two = {"photometric": "rgb", "extrasamples": ["unspecified", "unspecified"]}
        write(f"two_more_{number}", five, five[..., :3], **two, **options)
        two = {"photometric": "minisblack", "extrasamples": ["unassalpha"]}
        write(f"gray_alpha_{number}", four[..., :2], gray(four[..., 0]), **two, **options)
        planes = {"photometric": "rgb", "planarconfig": "separate"}
        word = "planes in tiles" if "tile" in chunk else None
        write(f"planes_{number}", np.moveaxis(rgb, -1, 0), rgb, word, **planes, **options)
        colors = rough(256, 1, 3)[0]
        palette = {"photometric": "palette", "colormap": (colors.T.astype(np.uint16) * 257)}
        write(f"palette_{number}", four[..., 0], colors[four[..., 0]], **palette, **options)
        inks = four.astype(int)
        lights = (255 - inks[..., :3]) * (255 - inks[..., 3:]) // 255
        write(f"inks_{number}", four, lights.astype(np.uint8), photometric="separated", **options)
        product = (rgb.astype(int) * alpha // 255).astype(np.uint8)
        associated = np.concatenate([product, alpha], -1)
        write(f"associated_{number}", associated, rgb, photometric="rgb", extrasamples=["assocalpha"], **options)
        floats = (rgb / 255).astype(np.float32)
        if "predictor" not in pack:
            write(f"floats_{number}", floats, rgb, photometric="rgb", **options)
    for orientation, right in enumerate(
        [rgb, rgb[:, ::-1], rgb[::-1, ::-1], rgb[::-1], np.moveaxis(rgb, 0, 1), np.rot90(rgb, -1),
         np.rot90(np.moveaxis(rgb, 0, 1), 2), np.rot90(rgb)], 1):
        tag = ("Orientation", "H", 1, orientation, True)
        write(f"orientation_{orientation}", rgb, right, photometric="rgb", extratags=[(274, *tag[1:])])
    write("bits", rgb[..., 0] > 128, gray(np.where(rgb[..., 0] > 128, 255, 0).astype(np.uint8)), photometric="minisblack")
    for kind in (np.uint32, np.int8, np.int16, np.float64):
        write(f"refused_{np.dtype(kind).name}", rgb.astype(kind), None, "which is not supported", photometric="rgb")
    for bits in (10, 12, 14):
        file = folder / f"refused_{bits}_bits.tif"
        file.write_bytes(packed_tiff(wide[..., 0] >> (16 - bits), bits, 1))
        files.append((file, None, f"{bits}-bit"))
    write("refused_floats", rgb.astype(np.float32), None, "floating-point", photometric="rgb")
    write("refused_nan", np.where(rgb > 130, rgb / np.float32(255), np.float32("nan")), None, "NaN", photometric="rgb")
    write("refused_lab", rgb, None, "L*a*b*", photometric="icclab")
    write("refused_raw", rgb[..., 0], None, "raw", photometric="cfa", extratags=[(50706, 1, 4, b"\1\4\0\0", True)])
    # Compressions that Pillow's libtiff writes.
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "raw"):
        for mode in ("RGB", "L", "CMYK", "P", "1", "YCbCr", "RGBA"):
            if packing == "jpeg" and mode not in ("RGB", "L", "YCbCr", "CMYK"):
                continue
            file = folder / f"pillow_{packing}_{mode}.tif"
            Image.fromarray(rgb).convert(mode).save(file, compression=packing)
            # Pillow stores YCbCr without halving the color resolution. Raw values are interpreted as in JPEG.
            files.append((file, None, None))
    for packing, word in (("group3", None), ("group4", None), ("tiff_ccitt", "modified Huffman"), ("zstd", "Zstandard")):
        file = folder / f"pillow_{packing}.tif"
        mode = "RGB" if packing == "zstd" else "1"
        Image.fromarray(rgb).convert(mode).save(file, compression=packing)
        files.append((file, None, word))
        if word is None:
            # Lowest bit first: libtiff follows the tag `FillOrder` when it writes.
            file = folder / f"pillow_{packing}_reversed.tif"
            Image.fromarray(rgb).convert(mode).save(file, compression=packing, tiffinfo={266: 2})
            files.append((file, None, None))
    # Fewer than 8 bits per value: rows are padded to whole bytes.
    for bits in (2, 4):
        values = rough(*SIZE, 1)[..., 0] >> (8 - bits)
        for name, photometric, right in (
            ("black", 1, gray((values.astype(int) * 255 // (2**bits - 1)).astype(np.uint8))),
            ("white", 0, gray((255 - values.astype(int) * 255 // (2**bits - 1)).astype(np.uint8))),
        ):
            file = folder / f"{name}_{bits}_bits.tif"
            file.write_bytes(packed_tiff(values, bits, photometric))
            files.append((file, right, None))
        colors = rough(2**bits, 1, 3)[0]
        file = folder / f"palette_{bits}_bits.tif"
        file.write_bytes(packed_tiff(values, bits, 3, colors))
        files.append((file, colors[values], None))
    return files


def rows_of(values, bits):
    """Packs the values of each row into whole bytes, high bits first."""
    shifts = np.arange(bits - 1, -1, -1)
    spread = (values[..., None] >> shifts & 1).reshape(values.shape[0], -1)
    return np.packbits(spread.astype(np.uint8), axis=1)


def packed_tiff(values, bits, photometric, colors=None):
    """Returns a TIFF file of one strip, with `bits` bits per value."""
    height, width = values.shape
    data = rows_of(values, bits).tobytes()
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, photometric)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(data))]
    table = b""
    if colors is not None:
        table = (colors.T.astype(np.uint16) * 257).tobytes()
        entries.append((320, 3, 3 * len(colors), 8 + len(data)))
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data) + len(table)) + data + table + directory + bytes(4)


def png(folder):
    """Writes files of every color type and depth, with and without interlacing."""
    files = []
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    for kind, interlaced, size in itertools.product(depths, (False, True), (SIZE, (1, 1), (3, 9), (9, 3))):
        for depth in depths[kind]:
            values = rough(*size, channels[kind]).astype(int)
            values = values * 257 if depth == 16 else values >> (8 - depth)
            colors = rough(2 ** min(depth, 8), 1, 3)[0]
            levels = (values * 255 + (2**depth - 1) // 2) // (2**depth - 1)
            if kind == 3:
                right = colors[values[..., 0]]
            else:
                right = levels[..., :3] if kind in (2, 6) else np.repeat(levels[..., :1], 3, -1)
            file = folder / f"{kind}_{depth}_{interlaced}_{size[0]}x{size[1]}.png"
            file.write_bytes(png_file(values, kind, depth, interlaced, colors if kind == 3 else None))
            files.append((file, right.astype(np.uint8), None))
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    for late in (False, True):
        file = folder / f"turned_late_{late}.png"
        file.write_bytes(png_file(smooth(*SIZE).astype(int), 2, 8, False, None, exif, late))
        files.append((file, np.rot90(smooth(*SIZE), -1), None))
    return files


def png_file(values, kind, depth, interlaced, colors, exif=None, exif_late=False):
    """Returns a PNG file of the color type `kind`. Its rows use the filters 0 to 2 in turn: none, left and above."""
    height, width, channels = values.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x, y, across, down in passes:
        part = values[y::down, x::across]
        if part.size == 0:
            continue
        if depth == 16:
            rows = part.astype(">u2").reshape(part.shape[0], -1).view(np.uint8)
        else:
            rows = rows_of(part.reshape(part.shape[0], -1), depth)
        step = max(1, channels * depth // 8)
        above = np.zeros(rows.shape[1], int)
        for number, row in enumerate(rows.astype(int)):
            left = np.concatenate([np.zeros(step, int), row])[: len(row)]
            method = number % 3
            filtered = row - [0, left, above][method]
            data += bytes([method]) + (filtered % 256).astype(np.uint8).tobytes()
            above = row

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    palette = chunk(b"PLTE", colors.astype(np.uint8).tobytes()) if colors is not None else b""
    exif = chunk(b"eXIf", exif) if exif is not None else b""
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)),
        palette,
        b"" if exif_late else exif,
        chunk(b"IDAT", zlib.compress(data)),
        exif if exif_late else b"",
        chunk(b"IEND", b""),
    ])


def by_pillow(folder):
    """Writes the formats that have few layouts with Pillow, which also reads the expected images."""
    files = []
    image = Image.fromarray(smooth(*SIZE))
    for suffix, modes, options in (
        ("bmp", ("1", "L", "P", "RGB", "RGBA"), {}),
        ("gif", ("1", "L", "P"), {}),
        ("gif", ("P",), {"interlace": False}),
        ("webp", ("RGB", "RGBA"), {"lossless": True}),
        ("webp", ("RGB", "RGBA"), {"quality": 90}),
    ):
        for mode in modes:
            file = folder / f"{mode}_{len(files)}.{suffix}"
            image.convert(mode).save(file, **options)
            files.append((file, None, None))
    gif = files[5][0]
    assert gif.suffix == ".gif" and gif.read_bytes()[-1:] == b";"
    file = folder / "without_trailer.gif"
    file.write_bytes(gif.read_bytes()[:-1])
    files.append((file, None, None))
    for prefix in (b"", b"Exif\0\0"):
        for kind, value in ((3, b"\x06\0\0\0"), (4, b"\x06\0\0\0")):
            exif = prefix + b"II*\0\x08\0\0\0\x01\0\x12\x01" + struct.pack("<HI", kind, 1) + value + bytes(4)
            file = folder / f"turned_{len(files)}.webp"
            image.save(file, lossless=True, exif=exif)
            files.append((file, None, None))
    return files


FAMILIES = {"tiff": tiff, "png": png, "bmp, gif and webp": by_pillow}
