"""HDF5 arrays: those that h5py wrote, nothing else, and no damage that hangs, crashes or fills memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.hdf5 import read_hdf5_plane

h5py = pytest.importorskip("h5py")
VALUES = np.random.default_rng(0).integers(-9, 99, (37, 53))


def write(path: Path, values: np.ndarray = VALUES, libver: str = "earliest", **options: object) -> Path:
    with h5py.File(path, "w", libver=libver, userblock_size=options.pop("userblock_size", 0)) as file:
        for name in ("a", "zz", *(f"n{number}" for number in range(40))):
            file.create_group(name)
        dataset = file.create_dataset("depth", data=values, **options)
        dataset.attrs["unit"] = "m"
    return path


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "u1", "<i2", ">u2", "<i8"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (8, 16)},
        {"chunks": (64, 64), "maxshape": (64, 64)},
        {"compression": "gzip", "chunks": (8, 16)},
        {"compression": "gzip", "shuffle": True, "chunks": (37, 1)},
        {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (5, 7)},
        {"userblock_size": 512},
    ],
    ids=["contiguous", "chunked", "larger-chunk", "gzip", "shuffled", "checked", "matlab"],
)
def test_arrays_are_those_of_h5py(tmp_path: Path, dtype: str, options: dict[str, object]):
    path = write(tmp_path / "a.h5", np.abs(VALUES).astype(dtype), **options)
    found = read_hdf5_plane(path, "depth")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.abs(VALUES))


def test_nan_and_inf_are_preserved_and_many_chunks_build_a_deep_tree(tmp_path: Path):
    values = np.arange(120 * 130, dtype=np.float32).reshape(120, 130)
    values[0, :2] = np.nan, np.inf
    np.testing.assert_array_equal(read_hdf5_plane(write(tmp_path / "a.h5", values, chunks=(2, 2)), "depth"), values)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"libver": "latest"}, "superblock 3, which is not read"),
        ({"values": np.zeros((3, 4, 5), np.float32)}, r"\(height, width\) under 'depth', got float32 of \(3, 4, 5\)"),
        ({"values": np.zeros(3, np.float32)}, r"\(height, width\) under 'depth', got float32 of \(3,\)"),
        ({"values": np.zeros((2, 0), np.float32)}, "an array of 2x0 numbers"),
        ({"values": np.zeros((3, 4), np.complex64)}, "no real numbers"),
        ({"values": np.zeros((3, 4), "S4")}, "no real numbers"),
        ({"compression": "lzf", "chunks": (8, 16)}, "of which only deflate"),
    ],
)
def test_other_forms_are_refused(tmp_path: Path, options: dict[str, object], reason: str):
    with pytest.raises(InputError, match=reason):
        read_hdf5_plane(write(tmp_path / "a.h5", **options), "depth")


def test_other_files_names_and_groups_are_refused(tmp_path: Path):
    path = write(tmp_path / "a.h5")
    for name, reason in (("dept", "no such name"), ("a", "'a', got another or a damaged one")):
        with pytest.raises(InputError, match=reason):
            read_hdf5_plane(path, name)
    (tmp_path / "b.h5").write_bytes(b"no HDF5 at all")
    with pytest.raises(InputError, match="no signature of HDF5"):
        read_hdf5_plane(tmp_path / "b.h5", "depth")
    with pytest.raises(InputError, match=r"an HDF5 file at .*c\.h5, got no such file"):
        read_hdf5_plane(tmp_path / "c.h5", "depth")


def test_real_hdf5(tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["depth"] = np.array([[0.0, 2.5]], np.float32)
        file.create_group("group")
    assert read_hdf5_plane(tmp_path / "a.h5", "depth").tolist() == [[0.0, 2.5]]
    for name in ("other", "group"):
        with pytest.raises(InputError, match="got another or a damaged one"):
            read_hdf5_plane(tmp_path / "a.h5", name)
    (tmp_path / "a.h5").write_bytes(b"JPEG")
    with pytest.raises(InputError, match="got another or a damaged one"):
        read_hdf5_plane(tmp_path / "a.h5", "depth")


def test_external_storage_reads_no_other_file(tmp_path: Path):
    (tmp_path / "secret").write_bytes(bytes(range(64)))
    with h5py.File(tmp_path / "a.h5", "w", libver="earliest") as file:
        file.create_dataset("depth", (8, 8), "u1", external=[(str(tmp_path / "secret"), 0, 64)])
    with pytest.raises(InputError, match="lies in other files, which are not read"):
        read_hdf5_plane(tmp_path / "a.h5", "depth")


def test_a_small_file_that_claims_much_takes_no_memory(tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w", libver="earliest") as file:
        file.create_dataset("depth", (60000, 100000), "f4", chunks=(1000, 1000), compression="gzip")
    tracemalloc.start()
    with pytest.raises(InputError, match="an array of 60000x100000 numbers"):
        read_hdf5_plane(tmp_path / "a.h5", "depth")
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip", "shuffle": True, "chunks": (8, 16)}], ids=["flat", "gzip"]
)
def test_no_mutation_escapes(tmp_path: Path, options: dict[str, object]):
    whole = np.frombuffer(write(tmp_path / "a.h5", VALUES.astype("f4"), **options).read_bytes(), np.uint8)
    rng, refused = np.random.default_rng(0), list[str]()
    for number in range(1500):
        changed = whole.copy()
        places = rng.integers(0, len(whole) if number % 2 else 3000, int(rng.integers(1, 12)))
        changed[places] = rng.choice(np.array([0, 1, 2, 3, 8, 127, 128, 255], np.uint8), len(places))
        (tmp_path / "b.h5").write_bytes(changed[: rng.integers(len(whole) // 2, len(whole) + 1)].tobytes())
        try:
            assert read_hdf5_plane(tmp_path / "b.h5", "depth").size <= 37 * 53 * 1100
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 500
    assert not any("\n" in message for message in refused)
