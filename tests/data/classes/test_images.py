"""Images of classes, from IDX files and from folders."""

import gzip
import struct

import cv2
import numpy as np
import pytest

from leadline.data.classes.images import ClassImages, open_classes
from leadline.errors import InputError
from leadline.io.idx import read_idx


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def mnist(tmp_path):
    """Three images for training, gzipped, and one for testing, plain."""
    images = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    for name, content in (
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(images))),
        ("train-labels-idx1-ubyte.gz", gzip.compress(idx(np.array([1, 0, 1], np.uint8)))),
        ("t10k-images-idx3-ubyte", idx(images[:1])),
        ("t10k-labels-idx1-ubyte", idx(np.array([1], np.uint8))),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_idx_files_are_read(mnist):
    train, test = open_classes(mnist), open_classes(mnist, "test")
    assert train.images.shape == (3, 4, 4, 1)
    assert train.images[2, 3, 3, 0] == 47
    assert (train.labels.tolist(), train.names, len(test)) == ([1, 0, 1], ("0", "1"), 1)
    assert (train.key(1), train[1].label) == ("0/1", 0)
    assert open_classes(mnist, side=8, grey=False).images.shape == (3, 8, 8, 3)


def test_folders_of_classes_are_read(tmp_path):
    for split, counts in (("train", (2, 1)), ("test", (1, 1))):
        for name, count in zip(("dog", "cat"), counts, strict=True):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                image = np.full((6, 6, 3), (0, 0, 200) if name == "dog" else (9, 9, 9), np.uint8)
                cv2.imwrite(str(tmp_path / split / name / f"{number}.png"), image)
    train = open_classes(tmp_path)
    assert (train.names, train.labels.tolist(), train.images.shape) == (("cat", "dog"), [0, 1, 1], (3, 6, 6, 3))
    assert train.images[1, 0, 0].tolist() == [200, 0, 0]
    assert open_classes(tmp_path / "train").names == ("cat", "dog")  # the part for training is the folder itself
    assert open_classes(tmp_path, grey=True).images.shape == (3, 6, 6, 1)


def test_a_beginning_has_as_many_of_each_class():
    labels = np.repeat([0, 1, 2], [9, 5, 4]).astype(np.int64)
    images = ClassImages(np.zeros((18, 2, 2, 1), np.uint8), labels, ("a", "b", "c"))
    order = images.balanced(3)
    assert sorted(order.tolist()) == list(range(18))
    assert np.bincount(images.part(order[:12]).labels).tolist() == [4, 4, 4]
    assert order.tolist() != images.balanced(4).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08\x01\0\0\0\x05ab", "an IDX file with"),
        (b"\0\0\x0d\x01\0\0\0\x00", "an IDX file of unsigned bytes"),
        (b"\0", "an IDX file of unsigned bytes"),
        (b"\x1f\x8bnot gzip", "a gzipped IDX file"),
        (gzip.compress(idx(np.zeros(9, np.uint8)), mtime=0)[:-6], "a whole gzipped IDX file"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_idx(tmp_path / "a")


def test_what_is_no_folder_of_classes_is_refused(tmp_path, mnist):
    with pytest.raises(InputError, match="a folder of classes"):
        open_classes(tmp_path / "nowhere")
    (tmp_path / "other" / "cat").mkdir(parents=True)
    with pytest.raises(InputError, match="at least 2 folders of images"):
        open_classes(tmp_path / "other")
    (mnist / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros((2, 2), np.uint8)))
    with pytest.raises(InputError, match="got other arrays"):
        open_classes(mnist)
    with pytest.raises(InputError, match="a label for each image"):
        ClassImages(np.zeros((2, 2, 2, 1), np.uint8), np.zeros(1, np.int64), ("a",))
    with pytest.raises(InputError, match="labels from 0 to 0"):
        ClassImages(np.zeros((1, 2, 2, 1), np.uint8), np.ones(1, np.int64), ("a",))
