"""Archives of numpy: values, and what is refused before it is unpacked."""

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io import npz
from leadline.io.npz import read_npz

WANTED = "an archive of a and b"


def packed(**members: tuple[dict, bytes]) -> bytes:
    """An archive whose headers say what they are told to."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (header, data) in members.items():
            entry = io.BytesIO()
            np.lib.format.write_array_header_1_0(entry, header)
            archive.writestr(f"{name}.npy", entry.getvalue() + data)
    return content.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_those_of_numpy(tmp_path: Path, save):
    stored = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array([1, 2], np.uint8), "c": np.array([None])}
    save(tmp_path / "a.npz", **stored)
    found = read_npz(tmp_path / "a.npz", ["a", "b"], WANTED)
    assert found.keys() == {"a", "b"}
    for name, values in found.items():
        np.testing.assert_array_equal(values, stored[name])
        assert values.dtype == stored[name].dtype
    with pytest.raises(InputError, match=f"expected {WANTED}, got another or damaged file"):
        read_npz(tmp_path / "a.npz", ["a", "c"], WANTED)  # an object, which would be unpickled
    with pytest.raises(InputError, match=WANTED):
        read_npz(tmp_path / "a.npz", ["d"], WANTED)


def test_what_unpacks_to_too_much_is_refused_unread(tmp_path: Path, monkeypatch):
    header = {"descr": "<f4", "fortran_order": False, "shape": (1000, 500)}
    (tmp_path / "a.npz").write_bytes(packed(a=(header, bytes(2_000_000))))
    assert (tmp_path / "a.npz").stat().st_size < 4000
    assert read_npz(tmp_path / "a.npz", ["a"], WANTED)["a"].shape == (1000, 500)
    monkeypatch.setattr(npz, "_MOST_BYTES", 1_999_999)
    monkeypatch.setattr(np.lib.format, "read_array", None)
    with pytest.raises(InputError, match="a of 2000128 bytes, 1999999 are allowed"):
        read_npz(tmp_path / "a.npz", ["a"], WANTED)


@pytest.mark.parametrize("shape", [(10**6, 10**6), (10**9,), (2, 5), (-1,), (10**30,)])
def test_a_header_that_claims_more_than_there_is(tmp_path: Path, shape: tuple[int, ...]):
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    (tmp_path / "a.npz").write_bytes(packed(a=(header, bytes(8))))
    with pytest.raises(InputError, match=WANTED):
        read_npz(tmp_path / "a.npz", ["a"], WANTED)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_mutation_escapes(tmp_path: Path, save):
    rng = np.random.default_rng(0)
    save(tmp_path / "a.npz", a=rng.random((5, 7)).astype(np.float32), b=rng.integers(0, 9, (5, 7, 3)))
    whole = (tmp_path / "a.npz").read_bytes()
    refused = 0
    for _ in range(600):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=rng.integers(1, 4)):
            damaged[at] = rng.integers(256)
        (tmp_path / "b.npz").write_bytes(damaged[: rng.integers(1, len(whole) * 4)])
        with suppress(InputError):
            read_npz(tmp_path / "b.npz", ["a", "b"], WANTED)
            continue
        refused += 1
    assert refused > 200
