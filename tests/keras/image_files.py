"""Small copies of the images as PNG files, which every decoder reads to the same bytes."""
import numpy as np
from PIL import Image

from models import SIZE

# Numbers of training images, the first of each class by name. With 64 cats and unshuffled batches of 32, two steps see
# only cats and one sees only dogs, so every metric of the history changes. With all images of both classes, the last
# steps see only dogs, and the validation accuracy stays at one half.
FEWER_DOGS = {"cats": 64, "dogs": 20}


def write_pngs(images, folder, counts=None):
    """Writes two classes in `train` and `validation` to `folder`. `counts` limits the training images of each class."""
    for subset in ("train", "validation"):
        for name in ("cats", "dogs"):
            files = jpegs(images / subset / name)
            count = counts[name] if counts and subset == "train" else len(files)
            for file in files[:count]:
                write_png(file, folder / subset / name)
    return folder


def write_three_classes(images, folder):
    """Writes three classes: cats, and dogs from two halves of the alphabet."""
    for subset in ("train", "validation"):
        for file in jpegs(images / subset / "cats"):
            write_png(file, folder / subset / "cats")
        for file in jpegs(images / subset / "dogs"):
            half = "dogs_a_to_k" if file.name[0] < "l" else "dogs_l_to_z"
            write_png(file, folder / subset / half)
    return folder


def twenty(folder):
    """Returns twenty validation images, evenly spread over the classes."""
    files = sorted((folder / "validation").glob("*/*.png"))
    return [files[number] for number in np.linspace(0, len(files) - 1, 20).astype(int)]


def read(files):
    """Reads images (N, height, width, 3), RGB in 0..255."""
    return np.stack([np.asarray(Image.open(file), np.float32) for file in files])


def jpegs(folder):
    files = sorted(folder.glob("*.jpg"))
    assert files, f"expected images in `{folder}`, found none"
    return files


def write_png(file, folder):
    folder.mkdir(parents=True, exist_ok=True)
    Image.open(file).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR).save(folder / f"{file.stem}.png")
