"""JPEG files written by `cjpeg` with every sampling, scan script, restart interval and size, and damaged ones."""
import itertools
import re
import subprocess

from PIL import Image

from synthetic import smooth

# Scans of a file, in the syntax of `cjpeg`. None: one scan of all components.
SCANS = {
    "one": None,
    "each": "0;1;2;",
    "luma-then-chroma": "0;1 2;",
    "red-apart": "0 1;2;",
    "luma-last": "1;2;0;",
}
PROGRESSIVE = {
    "progressive": None,
    "progressive-each": "0:0-0,0,0;1:0-0,0,0;2:0-0,0,0;0:1-63,0,0;1:1-63,0,0;2:1-63,0,0;",
    "progressive-mixed": "0 1 2:0-0,0,1;0:1-9,0,0;2:1-63,0,0;1:1-63,0,0;0:10-63,0,0;0 1 2:0-0,1,0;",
}
FACTORS = list(itertools.product(range(1, 5), repeat=2))
USUAL = ["1x1,1x1,1x1", "2x1,1x1,1x1", "1x2,1x1,1x1", "2x2,1x1,1x1", "4x1,1x1,1x1", "4x2,1x1,1x1", "1x1,2x2,2x2"]
# Samplings with components of three resolutions.
UNEVEN = ["1x1,2x2,1x1", "2x2,1x1,2x1", "2x1,1x1,1x2", "2x2,2x1,1x2", "1x2,1x1,2x1", "2x1,2x1,1x1", "4x1,2x1,1x1"]


def samplings():
    """Yields all samplings in which both color components are alike and one scan can hold all components."""
    for (y_across, y_down), (c_across, c_down) in itertools.product(FACTORS, repeat=2):
        is_whole = max(y_across, c_across) % min(y_across, c_across) == 0
        is_whole = is_whole and max(y_down, c_down) % min(y_down, c_down) == 0
        if is_whole and y_across * y_down + 2 * c_across * c_down <= 10:
            yield f"{y_across}x{y_down},{c_across}x{c_down},{c_across}x{c_down}"


def variants():
    """Yields the arguments of `cjpeg` for each file: sampling, scan script, size and options."""
    scripts = {**SCANS, **PROGRESSIVE}
    for sampling in samplings():
        for script in ("one", "each", "luma-last", "progressive"):
            for size in ((33, 31), (61, 47), (5, 3)):
                yield sampling, script, size, ()
    for sampling, script, size in itertools.product(UNEVEN, scripts, ((33, 31), (61, 47), (5, 3))):
        yield sampling, script, size, ()
    for sampling, script in itertools.product(USUAL, scripts):
        yield sampling, script, (17, 16), ()
        for interval in ("1", "1B", "2B", "3B", "7B"):
            yield sampling, script, (61, 47), ("-restart", interval)
    for side in range(1, 34):
        for sampling, script in itertools.product(("2x2,1x1,1x1", "1x1,1x1,1x1"), ("one", "each", "progressive")):
            for size in ((side, side), (side, 1), (1, side)):
                yield sampling, script, size, ()
        for options in (("-grayscale",), ("-grayscale", "-progressive"), ("-rgb",)):
            yield None, "one", (side, 34 - side), options


def cjpeg(folder, sampling, script, size, options):
    """Writes a file with `cjpeg` and returns its path."""
    name = "_".join([sampling or "default", script, "x".join(map(str, size)), *options])
    source, file = folder / f"{size[0]}x{size[1]}.ppm", folder / f"{name.replace(',', '-')}.jpg"
    if not source.exists():
        Image.fromarray(smooth(*size)).save(source)
    arguments = ["cjpeg", "-quality", "95", *options, *(["-sample", sampling] if sampling else [])]
    if script in PROGRESSIVE:
        arguments.append("-progressive")
    text = {**SCANS, **PROGRESSIVE}[script]
    if text is not None:
        scans = folder / f"{script}.txt"
        scans.write_text(text)
        arguments += ["-scans", scans]
    subprocess.run([*arguments, "-outfile", file, source], check=True)
    return file


def data_ranges(jpeg):
    """Yields the ranges of entropy-coded data in a file: of each scan, or between its restart markers."""
    segment = 2
    while jpeg[segment + 1] != 0xD9:
        is_scan = jpeg[segment + 1] == 0xDA
        segment += 2 + int.from_bytes(jpeg[segment + 2 : segment + 4])
        begin = start = segment
        for found in re.finditer(rb"\xff[^\0]", jpeg[start:]) if is_scan else ():
            segment = start + found.start()
            yield begin, segment
            if not 0xD0 <= jpeg[segment + 1] <= 0xD7:
                break
            begin = segment + 2


def damaged(folder):
    """Yields files that decoders read without an error although a part of the image is missing."""
    for sampling, script in (("2x2,1x1,1x1", "one"), ("2x2,1x1,1x1", "each"), ("2x2,1x1,1x1", "progressive")):
        whole = cjpeg(folder, sampling, script, (61, 47), ("-restart", "1B")).read_bytes()
        for number in (1, 5):
            first = whole.index(bytes([0xFF, 0xD0 + number]))
            second = whole.index(bytes([0xFF, 0xD0 + number + 1]), first)
            file = folder / f"lost_{script}_{number}.jpg"
            file.write_bytes(whole[:first] + whole[second:])
            yield file, None, "damaged"
    for script in {**SCANS, **PROGRESSIVE}:
        for options in ((), ("-restart", "7B")):
            whole = cjpeg(folder, "2x2,1x1,1x1", script, (61, 47), options).read_bytes()
            for number, (begin, end) in enumerate(data_ranges(whole)):
                for part in (0, 1, 2):
                    file = folder / f"cut_{script}_{len(options)}_{number}_{part}.jpg"
                    file.write_bytes(whole[: begin + (end - begin) * part // 3] + whole[end:])
                    yield file, None, "damaged"


def draw(folder):
    """Writes all files. Returns for each its path, None for Pillow's image, and a word of the reason if it must be
    refused."""
    files = [(cjpeg(folder, *variant), None, None) for variant in dict.fromkeys(variants())]
    arithmetic = [
        (cjpeg(folder, sampling, script, (61, 47), ("-arithmetic",)), None, "arithmetic")
        for sampling, script in itertools.product(USUAL[:3], ("one", "each", "progressive"))
    ]
    return files + arithmetic + list(damaged(folder))
