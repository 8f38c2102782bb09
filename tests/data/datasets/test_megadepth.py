import numpy as np
import pytest

from leadline.data.datasets import megadepth
from leadline.data.datasets.megadepth import MegaDepth
from leadline.errors import InputError


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """What the HDF5 files hold, by their stems: h5py need not be installed here."""
    held: dict[str, np.ndarray] = {}
    monkeypatch.setattr(megadepth, "read_hdf5_plane", lambda path, name: {"depth": held[path.stem]}[name])
    return held


def test_zero_and_ordinal_labels_are_unknown(tree, arrays):
    arrays["5_o"] = np.zeros((6, 8), np.float32)
    arrays["5_o"][0, :4] = 3.5, -1.0, np.nan, 0.25
    arrays["40_o"] = np.ones((6, 8), np.float32)
    for name, suffix in (("5_o", "jpg"), ("40_o", "JPG")):
        tree.data(f"0022/dense1/depths/{name}.h5", b"HDF5")
        tree.image(f"0022/dense1/imgs/{name}.{suffix}")
    scenes = MegaDepth(tree.root)
    assert [scenes.key(index) for index in range(len(scenes))] == ["0022/dense1/5_o", "0022/dense1/40_o"]
    sample = scenes[0]
    assert sample.depth[0, :5].tolist() == [3.5, 0.0, 0.0, 0.25, 0.0]
    assert sample.valid[0, :5].tolist() == [True, False, False, True, False]
    assert (sample.annotation, sample.key, sample.camera) == ("up_to_scale", "0022/dense1/5_o", None)
    assert scenes[1].valid.all()


def test_what_does_not_fit_is_refused(tree, arrays):
    tree.data("0022/dense0/depths/a.h5", b"HDF5")
    arrays["a"] = np.ones((8, 6), np.float32)
    scenes = MegaDepth(tree.root)
    with pytest.raises(InputError, match=r"an image at .*imgs/a\.jpg, got no such file"):
        scenes[0]
    tree.image("0022/dense0/imgs/a.jpg")
    with pytest.raises(InputError, match=r"\(6, 8\), got \(8, 6\)"):
        scenes[0]
