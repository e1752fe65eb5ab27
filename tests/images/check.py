"""Compares this project's decoding of image files with Pillow's, for `cargo xtask images`.

    check.py PROGRAM CASES SCRATCH

PROGRAM is the example `decode` of the crate `photos`. CASES has a folder for each case, with an input and the
correct image, `expected.png`. The other files are generated in SCRATCH: every JPEG sampling, scan script, restart
interval and size that `cjpeg` writes, and the layouts of TIFF, PNG, BMP, GIF and WebP.

Prints a line for each family of files, and a line for each file that is decoded incorrectly. Exits with 1 if a file
is decoded incorrectly.
"""
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image, ImageOps

import jpegs
import others

# Maximum mean difference from the correct image, in levels of 255. JPEG decoders may round values and interpolate color
# differently. The other formats have one correct value, or two if 16 bits become 8.
MOST_OF_CASES = {"jpg": 2.0}
MOST = 1.0

# Maximum mean difference in a block of 8x8 pixels, which detects a wrong part of an image, such as a gray block.
MOST_OF_BLOCK = 3.0

# Cases that may be refused, with words that the reason must contain.
MAY_BE_REFUSED = {
    "jpeg-arithmetic": "arithmetic",
    "jpeg-restart-interval-lost": "damaged",
    "tiff-float-0-255": "floating-point",
}
MUST_BE_REFUSED = {"raw-thumbnail": "raw"}


def decode(program, files):
    """Decodes `files`. Returns an array (height, width, 3) or the reason of the refusal for each."""
    names = "".join(f"{file}\n" for file in files)
    output = subprocess.run([program], input=names.encode(), stdout=subprocess.PIPE, check=True).stdout
    results, at = [], 0
    for _ in files:
        end = output.index(b"\n", at)
        kind, _, rest = output[at:end].decode().partition(" ")
        at = end + 1
        if kind == "refused":
            results.append(rest)
            continue
        width, height = map(int, rest.split())
        length = width * height * 3
        results.append(np.frombuffer(output[at : at + length], np.uint8).reshape(height, width, 3))
        at += length
    assert at == len(output), "the program printed more than was asked for"
    return results


def by_pillow(file):
    """Returns the upright image as Pillow decodes it, (height, width, 3)."""
    with Image.open(file) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def worst_block(difference):
    """Returns the largest mean difference in a block of 8x8 pixels."""
    height, width, _ = difference.shape
    blocks = [difference[y : y + 8, x : x + 8] for y in range(0, height, 8) for x in range(0, width, 8)]
    return max(block.mean() for block in blocks)


def fault(file, found, expected, most=MOST):
    """Returns the fault of the decoded image, or None, and its mean difference."""
    if isinstance(found, str):
        return f"is refused: {found}", None
    if found.shape != expected.shape:
        return f"has the shape {found.shape}, expected {expected.shape}", None
    difference = np.abs(found.astype(int) - expected.astype(int))
    mean, block = difference.mean(), worst_block(difference)
    if mean > most:
        return f"differs by {mean:.2f} levels on average, at most {most} are allowed", mean
    if block > MOST_OF_BLOCK:
        return f"differs by {block:.2f} levels in a block of 8x8 pixels, at most {MOST_OF_BLOCK} are allowed", mean
    return None, mean


def check_cases(program, cases):
    """Checks every case in the folder `cases`, and returns the faults."""
    folders = sorted(folder for folder in cases.iterdir() if folder.is_dir())
    assert folders, f"expected cases in {cases}, found none"
    inputs = []
    for folder in folders:
        [file] = [file for file in folder.iterdir() if file.name not in ("README", "expected.png")]
        inputs.append(file)
    faults, most = [], 0.0
    for folder, file, found in zip(folders, inputs, decode(program, inputs), strict=True):
        words = {**MAY_BE_REFUSED, **MUST_BE_REFUSED}.get(folder.name)
        if words is not None and isinstance(found, str):
            wrong, mean = (None if words in found else f"is refused for another reason: {found}"), None
        elif folder.name in MUST_BE_REFUSED:
            wrong, mean = "is read, expected to be refused", None
        else:
            most = MOST_OF_CASES.get(file.suffix[1:], MOST)
            wrong, mean = fault(file, found, by_pillow(folder / "expected.png"), most)
        outcome = found if isinstance(found, str) else f"mean difference {mean or 0:.2f}"
        print(f"cases: {folder.name}: {outcome}")
        most = max(most, mean or 0.0)
        faults += [f"{folder.name} {wrong}"] if wrong else []
    return faults


def check_drawn(program, family, files):
    """Checks generated files. Each is a tuple of its path, the correct image (None: Pillow's), and a word of the
    reason if it must be refused. Returns the faults."""
    assert files, f"expected drawn files of {family}, found none"
    faults, most, read, refused = [], 0.0, 0, 0
    for (file, expected, word), found in zip(files, decode(program, [file for file, _, _ in files]), strict=True):
        if word is not None:
            refused += 1
            if not isinstance(found, str) or word not in found:
                what = found if isinstance(found, str) else "an image"
                faults.append(f"{file.name} gives {what}, expected a refusal that says `{word}`")
            continue
        read += 1
        wrong, mean = fault(file, found, by_pillow(file) if expected is None else expected)
        faults += [f"{file.name} {wrong}"] if wrong else []
        most = max(most, mean or 0.0)
    print(f"{family}: {read} files to read, mean difference at most {most:.2f}; {refused} to refuse")
    return faults


def main():
    program, cases, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    faults = check_cases(program, cases)
    for family, draw in {"jpeg": jpegs.draw, **others.FAMILIES}.items():
        folder = scratch / family
        folder.mkdir()
        faults += check_drawn(program, family, draw(folder))
    for line in faults:
        print(f"fault: {line}")
    sys.exit(1 if faults else 0)


main()
