"""Units of length: no baseline that no stereo camera has, and every mend that a message names does mend."""

import re
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import CalibrationError
from leadline.io import read_calibration
from leadline.io.calib import read_stereo_calibration
from leadline.io.calib_found import LengthUnit, check_baseline, named_unit, square_unit

TRUE_M = 0.12
FORMS = {
    "middlebury": ("cam0=[500 0 320; 0 500 240; 0 0 1]\ndoffs=0\nbaseline={b}\nwidth=640\nheight=480\n", "mm"),
    "kitti": ("P0: 500 0 320 0 0 500 240 0 0 0 1 0\nP1: 500 0 320 {fb} 0 500 240 0 0 0 1 0\n", "m"),
    "opencv": (
        "M1: [500,0,320,0,500,240,0,0,1]\nD1: [0,0,0,0,0]\nM2: [500,0,320,0,500,240,0,0,1]\nD2: [0,0,0,0,0]\n"
        "R: [1,0,0,0,1,0,0,0,1]\nT: [{minus}, 0, 0]\n",
        "m",
    ),
    "kalibr": (
        "cam0: {{camera_model: pinhole, intrinsics: [500,500,320,240], resolution: [640,480], distortion_model: "
        "none}}\n"
        "cam1: {{camera_model: pinhole, intrinsics: [500,500,320,240], resolution: [640,480], distortion_model: none,\n"
        "  T_cn_cnm1: [[1,0,0,{minus}],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}}\n",
        "m",
    ),
    "matrix": ("500 0 320 0 500 240 0 0 1\n{b}\n", "m"),
}
PER_M = {"m": 1.0, "cm": 100.0, "mm": 1000.0}


def written(folder: Path, form: str, length: float) -> Path:
    text = FORMS[form][0].format(b=repr(length), fb=repr(-500.0 * length), minus=repr(-length))
    (folder / "calib.txt").write_text(text)
    return folder / "calib.txt"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", PER_M)
def test_every_form_in_every_unit_is_right_refused_or_noted(tmp_path: Path, form: str, unit: str):
    """A baseline of 12 cm, written in another unit than the form's: never silently another one."""
    path = written(tmp_path, form, TRUE_M * PER_M[unit])
    if unit == FORMS[form][1]:
        assert read_calibration(path, (480, 640)).baseline_m == pytest.approx(TRUE_M)
        return
    try:
        words = " ".join(read_stereo_calibration(path, (480, 640)).notes)
    except CalibrationError as error:
        words = str(error)
    # The message or note names the true length among those that would be plausible.
    assert "0.12 m if it is in " + unit in words


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", PER_M)
def test_a_stated_unit_is_believed(tmp_path: Path, form: str, unit: str):
    path = written(tmp_path, form, TRUE_M * PER_M[unit])
    rig = read_calibration(path, (480, 640), named_unit(unit))
    assert rig.baseline_m == pytest.approx(TRUE_M)
    if form in ("opencv", "kalibr"):
        path.write_text(path.read_text() + f"translation_unit: {unit}\n")
        assert read_calibration(path, (480, 640)).baseline_m == pytest.approx(TRUE_M)


@pytest.mark.parametrize("length", [6.05, 60.5, 605.0, 0.0004, 0.1e-3])
def test_the_mend_that_a_message_names_mends(tmp_path: Path, length: float):
    path = written(tmp_path, "opencv", length)
    with pytest.raises(CalibrationError) as caught:
        read_calibration(path, (480, 640))
    named = re.search(r"'translation_unit: (\w+)'", str(caught.value))
    if named is None:
        assert length < 0.005
        return
    path.write_text(path.read_text() + f"translation_unit: {named[1]}\n")
    assert 0.005 <= read_calibration(path, (480, 640)).baseline_m <= 5.0


def test_centimetres_are_named_first_where_millimetres_are_unlikely():
    with pytest.raises(CalibrationError, match=r"0\.0605 m if it is in cm.*'translation_unit: cm'"):
        check_baseline(6.05, LengthUnit(1.0, "metres", stated=False))


def test_board_squares(tmp_path: Path):
    path = written(tmp_path, "opencv", 2.42)
    assert "states no unit" in read_stereo_calibration(path, (480, 640)).notes[0]
    # 2.42 squares of 25 mm.
    assert read_calibration(path, (480, 640), square_unit(25.0)).baseline_m == pytest.approx(0.0605)


def test_usual_baselines_need_no_note():
    metres = LengthUnit(1.0, "metres", stated=False)
    assert check_baseline(0.12, metres) == ()
    assert "unusual" in check_baseline(0.012, metres)[0]
    assert "unusual" in check_baseline(2.42, metres)[0]
    assert check_baseline(0.0044, LengthUnit(1.0, "m", stated=True)) == ()
    with pytest.raises(CalibrationError, match="baseline"):
        check_baseline(1e6, LengthUnit(1.0, "m", stated=True))


def test_a_short_baseline_that_may_be_centimetres_is_told_of():
    """A depth camera's 50 mm, or a rig's 50 cm in a form that has millimetres."""
    millimetres = LengthUnit(0.001, "mm, as Middlebury has it", stated=False)
    told = "baseline of 0.05 m (50 taken as mm, as Middlebury has it); 0.5 m if it is in cm"
    assert check_baseline(50.0, millimetres) == (told,)
    assert "0.545 m if it is in cm" in check_baseline(54.5, millimetres)[0]
    # What a calibration found, and lengths that would be no usual ones in cm.
    assert check_baseline(54.9483, millimetres) == ()
    assert check_baseline(120.0, millimetres) == ()
    assert check_baseline(50.0, LengthUnit(0.001, "mm", stated=True)) == ()
    assert "unusual baseline of 0.0054 m" in check_baseline(0.54, LengthUnit(0.01, "cm", stated=False))[0]


def test_bad_units():
    with pytest.raises(CalibrationError, match="m, cm or mm"):
        named_unit("inch")
    with pytest.raises(CalibrationError, match="positive unit"):
        square_unit(-1.0)


def test_ten_thousand_random_baselines_are_never_silently_wrong():
    """Whatever the true baseline and unit: right, refused, or the true value stands in the note."""
    rng = np.random.default_rng(1)
    for _ in range(10_000):
        true_m = float(np.exp(rng.uniform(np.log(0.03), np.log(1.2))))
        unit, taken = (str(name) for name in rng.choice(list(PER_M), 2))
        length = true_m * PER_M[unit]
        metres = length / PER_M[taken]
        try:
            words = " ".join(check_baseline(length, LengthUnit(1.0 / PER_M[taken], taken, stated=False)))
        except CalibrationError as error:
            words = str(error)
        right = abs(metres / true_m - 1.0) < 0.05
        # What the form's own unit makes a usual baseline cannot be told from one.
        assert right or f"{true_m:.4g} m if it is in {unit}" in words or 0.02 <= metres <= 1.5
