"""Values out of pickles: those that pickle gives, nothing that runs, and memory that the file's size bounds."""

import pickle
import struct
import tracemalloc
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import pytest

from leadline.io.plain_pickle import read_plain_pickle

VALUES = [
    [],
    [1, -2, 2**40, 1.5, True, False, None, "a\u00e4", b"\x00\xff"],
    [{"name": "a", "clips": [{"frames": [1, 2, 3], "label": -1}]}] * 3,
    {"x": (), "y": (1,), "z": (1, 2, 3, 4), 5: [[[[]]]]},
    [300, 70000, "x" * 300, list(range(2000))],
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_plain_values_are_those_of_pickle(value: object, protocol: int):
    assert read_plain_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, 5))
@pytest.mark.parametrize("dtype", ["<i4", ">i2", "u1", "<f8", "?"])
def test_arrays_are_those_of_numpy(protocol: int, dtype: str):
    array = np.asfortranarray(np.arange(12).reshape(3, 4).astype(dtype))
    scalar = np.dtype(dtype).type(1)
    found = read_plain_pickle(pickle.dumps([{"a": array, "n": scalar, "e": np.zeros(0, dtype)}], protocol))
    np.testing.assert_array_equal(found[0]["a"], array)
    assert found[0]["n"] == scalar
    assert found[0]["e"].shape == (0,)


class Runs:
    def __reduce__(self):
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    "value",
    [
        Runs(),
        [Runs()],
        Fraction(1, 2),
        OrderedDict(a=1),
        {1, 2},
        frozenset(),
        1j,
        print,
        np.dtype("i4"),
        np.array(["a"]),
        np.array([object()]),
        (np.zeros(2),),
        {(1, 2): 3},
        2**200,
        np.zeros(2, "M8[s]"),
    ],
)
def test_anything_else_is_refused(value: object):
    with pytest.raises(ValueError, match=r"."):
        read_plain_pickle(pickle.dumps(value, 3))


def test_a_place_in_a_list_of_kept_values_takes_no_memory():
    """Nine bytes made the unpickler of Python allocate 2.3 GB: the kept value's number was the size of a table."""
    content = b"\x80\x02]r" + struct.pack("<I", 2**28) + b"."
    tracemalloc.start()
    assert read_plain_pickle(content) == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "content",
    [
        b"", b".", b"N", b"\x80\x02", b"(", b"(.", b"a.", b"e.", b"t.", b"s.", b"]Na", b"h\x01.", b"Nr\xff\xff\xff\xff",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"x.", b"B" + struct.pack("<I", 2**31) + b".",
        b"I" + b"9" * 100000 + b"\n.", b"cnumpy\ndtype\n.", b"cnumpy\nload\n(tR.", b"N}b.", b"]N}b.",
        b"P1\n.", b"]]0a.",
        b"cnumpy\nndarray\n(tR.", b"(((((((((", b"]((e.", b"}(Nu.", b"}(]Nu.",
    ],
)  # fmt: skip
def test_damaged_pickles_are_refused(content: bytes):
    with pytest.raises(ValueError, match=r"."):
        read_plain_pickle(content)


def test_arrays_are_as_long_as_their_bytes():
    whole = pickle.dumps([np.zeros(3, "<i4")], 3)
    for bad in (whole.replace(b"K\x03\x85", b"K\x04\x85"), whole.replace(b"K\x03\x85", b"J\xff\xff\xff\xff\x85")):
        assert bad != whole
        with pytest.raises(ValueError, match="array"):
            read_plain_pickle(bad)


def test_no_mutation_escapes():
    whole = np.frombuffer(pickle.dumps([{"name": "a", "frames": np.arange(5), "n": np.int64(3)}] * 2, 3), np.uint8)
    rng, refused = np.random.default_rng(0), 0
    for _ in range(5000):
        changed = whole.copy()
        places = rng.integers(0, len(whole), int(rng.integers(1, 5)))
        changed[places] = rng.integers(0, 256, len(places))
        try:
            read_plain_pickle(changed.tobytes())
        except ValueError:
            refused += 1
    assert refused > 2500
