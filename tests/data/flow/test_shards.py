"""Flow shards: what is damaged is refused in a line that names the shard."""

import numpy as np
import pytest

from leadline.data.flow.shards import FlowShards, write_flow_shard
from leadline.data.shards import encode_png
from leadline.errors import InputError
from leadline.io.shards import write_shard
from leadline.maps import FlowMap
from leadline.samples import FlowSample


def sample(backward: bool) -> FlowSample:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    flow = (rng.integers(-640, 640, (6, 8, 2)) / 64).astype(np.float32)
    known, hidden = rng.random((2, 6, 8)) < 0.5
    back = (FlowMap(-flow, ~known), ~hidden) if backward else ()
    return FlowSample("one", first, second, FlowMap(flow, known), hidden, *back)


@pytest.mark.parametrize("backward", [False, True])
def test_what_is_written_is_read(tmp_path, backward):
    wanted = sample(backward)
    write_flow_shard(tmp_path / "a.tar", [(wanted, {"path": "car"})])
    found = FlowShards(tmp_path)[0]
    np.testing.assert_array_equal(found.first, wanted.first)
    np.testing.assert_array_equal(found.second, wanted.second)
    np.testing.assert_array_equal(found.flow, np.where(wanted.valid[..., None], wanted.flow, 0))
    np.testing.assert_array_equal(found.occluded, wanted.occluded)
    assert (found.backward is None) != backward
    if backward:
        back = np.where(wanted.backward.valid[..., None], wanted.backward.flow, 0)
        np.testing.assert_array_equal(found.backward.flow, back)
        np.testing.assert_array_equal(found.backward_occluded, wanted.backward_occluded)
        assert FlowShards(tmp_path, backward=False)[0].backward is None


@pytest.mark.parametrize("name", ["first.png", "flow.png", "occluded.png"])
def test_damage_is_named(tmp_path, name):
    frame, flow = encode_png(np.zeros((6, 8, 3), np.uint8)), encode_png(np.zeros((6, 8, 3), np.uint16))
    files = {"first.png": frame, "second.png": frame, "flow.png": flow}
    files["occluded.png"] = encode_png(np.zeros((6, 8), np.uint8))
    write_shard(tmp_path / "a.tar", [("one", {**files, name: files[name][:40]})])
    with pytest.raises(InputError, match=r"a\.tar"):
        FlowShards(tmp_path)[0]


def test_what_has_no_truth_is_no_sample_to_learn_from(tmp_path):
    blank = np.zeros((6, 8, 3), np.uint8)
    with pytest.raises(InputError, match="expected samples with truth and occlusion"):
        write_flow_shard(tmp_path / "a.tar", [(FlowSample("one", blank, blank), {})])
    assert not list(tmp_path.iterdir())
