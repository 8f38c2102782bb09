"""What an earlier run rendered is kept only where it is what this run would render."""

import pytest

from leadline.data.synthetic.generate import generate_mono, generate_stereo, generate_stereo_scenes
from leadline.errors import InputError


@pytest.mark.parametrize("generate", [generate_mono, generate_stereo, generate_stereo_scenes])
def test_another_size_is_refused(tmp_path, generate) -> None:
    (path,) = generate(1, 3, tmp_path, workers=0, size=(32, 64))
    assert generate(1, 3, tmp_path, workers=0, size=(32, 64)) == [path]
    with pytest.raises(InputError, match=r"expected 48x40 px in .* of an earlier run, got 64x32; choose another"):
        generate(1, 3, tmp_path, workers=0, size=(40, 48))


def test_a_scene_without_truth_is_not_finished(tmp_path) -> None:
    (path,) = generate_stereo_scenes(1, 3, tmp_path, workers=0, size=(32, 64))
    (path / "disp0.pfm").unlink()
    with pytest.raises(InputError, match=r"expected a whole scene in .*, disp0.pfm is missing; delete the folder"):
        generate_stereo_scenes(1, 3, tmp_path, workers=0, size=(32, 64))
