"""Small copies of the photographs as PNGs, which every decoder reads to the same bytes."""
import numpy as np
from PIL import Image

from models import SIZE

# The first of each class, by their names. With 64 cats and batches of 32 unshuffled photographs,
# two steps see cats alone and one sees dogs alone, after which every number of the history moves. With
# all photographs of both classes the last steps are all dogs, and the validation accuracy stays at half.
FEWER_DOGS = {"cats": 64, "dogs": 20}


def write_pngs(photographs, folder, counts=None):
    """Two classes, `train` and `validation`, in `folder`; of `train` so many of each class, or all."""
    for subset in ("train", "validation"):
        for name in ("cats", "dogs"):
            files = jpegs(photographs / subset / name)
            count = counts[name] if counts and subset == "train" else len(files)
            for file in files[:count]:
                write_png(file, folder / subset / name)
    return folder


def write_three_classes(photographs, folder):
    """Three classes: cats, and dogs of two halves of the alphabet."""
    for subset in ("train", "validation"):
        for file in jpegs(photographs / subset / "cats"):
            write_png(file, folder / subset / "cats")
        for file in jpegs(photographs / subset / "dogs"):
            half = "dogs_a_to_k" if file.name[0] < "l" else "dogs_l_to_z"
            write_png(file, folder / subset / half)
    return folder


def twenty(folder):
    """Twenty validation pictures, evenly spread over the classes."""
    files = sorted((folder / "validation").glob("*/*.png"))
    return [files[number] for number in np.linspace(0, len(files) - 1, 20).astype(int)]


def read(files):
    """Pictures (N, height, width, 3), RGB in 0..255."""
    return np.stack([np.asarray(Image.open(file), np.float32) for file in files])


def jpegs(folder):
    files = sorted(folder.glob("*.jpg"))
    assert files, f"expected photographs in `{folder}`, found none"
    return files


def write_png(file, folder):
    folder.mkdir(parents=True, exist_ok=True)
    Image.open(file).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR).save(folder / f"{file.stem}.png")
