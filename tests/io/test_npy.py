from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io import read_npy


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint16])
def test_numbers_of_any_type_become_float32(tmp_path: Path, dtype: type):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.arange(6, dtype=dtype).reshape(2, 3)))
    values = read_npy(tmp_path / "a.npy")
    assert values.dtype == np.float32
    assert values.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_nan_and_overflow_are_kept_for_the_caller(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.array([[np.nan, 1e300]]))
    values = read_npy(tmp_path / "a.npy")
    assert np.isnan(values[0, 0])
    assert np.isinf(values[0, 1])


def test_bad_files(tmp_path: Path):
    path = tmp_path / "a.npy"
    with pytest.raises(InputError, match="no such file"):
        read_npy(path)
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"whole \.npy"):
        read_npy(path)
    for bad in (np.zeros(3), np.zeros((0, 2)), np.zeros((2, 2), complex), np.zeros((2, 2), bool)):
        np.save(path, bad)
        with pytest.raises(InputError, match="real numbers of shape"):
            read_npy(path)
    np.save(path, np.zeros((2, 2), np.float32))
    content = path.read_bytes()
    for cut in (content[:-1], content[:20], b"", content.replace(b"(2, 2)", b"(99999, 99999)")):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"whole \.npy"):
            read_npy(path)
