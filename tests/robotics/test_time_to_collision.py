"""Time to collision against motions whose answer can be computed by hand, and a recorded flight with motion capture."""

from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.robotics.time_to_collision import LATENCY_S, WINDOW_S, CollisionClock, time_to_collision
from leadline.robotics.tof_frame import TofFrame

FLIGHT = Path(__file__).parents[3] / "shared" / "real" / "tof8x8" / "flight_A0"
TIMES = np.arange(6) / 15.0


def test_a_wall_3_m_ahead_at_1_5_m_per_second_is_reached_in_2_seconds():
    found = time_to_collision(TIMES, 3.0 + 1.5 * (TIMES[-1] - TIMES))
    assert float(found.time_s) == pytest.approx(2.0)
    assert float(found.speed_m_s) == pytest.approx(1.5)
    assert float(found.distance_m) == pytest.approx(3.0)
    assert float(found.sigma_s) == pytest.approx(0.0, abs=1e-6)


def test_an_old_frame_leaves_less_time():
    found = time_to_collision(TIMES, 3.0 + 1.5 * (TIMES[-1] - TIMES), latency_s=0.1)
    assert float(found.distance_m) == pytest.approx(2.85)
    assert float(found.time_s) == pytest.approx(1.9)


def test_what_stands_or_leaves_is_never_reached():
    found = time_to_collision(TIMES, np.stack([np.full(6, 2.0), 2.0 + TIMES], axis=1))
    assert np.isinf(found.time_s).all()
    assert found.speed_m_s.tolist() == pytest.approx([0.0, -1.0])


def test_too_few_distances_tell_nothing():
    known = np.array([False, False, False, False, True, True])
    assert np.isnan(time_to_collision(TIMES, 3.0 - TIMES, known).time_s)
    assert np.isnan(time_to_collision(TIMES[:1], np.ones(1)).speed_m_s)


def test_a_jump_to_another_surface_is_no_motion():
    metres = np.array([3.0, 3.0, 3.0, 1.2, 1.15, 1.1])
    found = time_to_collision(TIMES, metres)
    assert float(found.speed_m_s) == pytest.approx(0.75)  # 0.05 m a frame, not 1.8 m in one


def test_the_error_follows_from_the_residuals():
    rng = np.random.default_rng(0)
    noisy = 3.0 - TIMES[:, None] + rng.normal(0.0, 0.02, (6, 4000))
    found = time_to_collision(TIMES, noisy)
    near = np.abs(found.speed_m_s - 1.0)
    # The slope's error: 0.02 / sqrt(sum of squared ages) = 0.02 / (1/15 sqrt(17.5)) = 0.0717.
    assert np.std(found.speed_m_s) == pytest.approx(0.0717, rel=0.05)
    assert np.median(near / (found.sigma_s / found.time_s * found.speed_m_s)) == pytest.approx(0.74, abs=0.06)


def test_frames_one_after_another_and_a_clock_that_goes_backwards():
    clock = CollisionClock(latency_s=0.0)
    for i in range(6):
        closing = clock.update(_frame(2.0 - 0.1 * i, i / 10.0))
    assert float(closing.time_s[3, 3]) == pytest.approx(1.5)
    closing = clock.update(_frame(1.0, 0.2))
    assert np.isnan(closing.time_s).all()


def test_times_must_increase_and_match():
    with pytest.raises(InputError, match="expected times that increase"):
        time_to_collision(TIMES[::-1], np.ones(6))
    with pytest.raises(InputError, match="got 6 and 5"):
        time_to_collision(TIMES, np.ones(5))


@pytest.mark.skipif(not FLIGHT.exists(), reason="the shared recordings are not beside the checkout")
def test_a_flight_towards_a_panel_agrees_with_motion_capture():
    with np.load(FLIGHT / "tof.npz") as zones, np.load(FLIGHT / "vicon.npz") as capture:
        times, first = np.unique(zones["t_ms"] / 1000.0, return_index=True)
        centre = np.s_[first, 3:5, 3:5]
        metres = np.where(np.isin(zones["status"][centre], (5, 9)), zones["mm"][centre] / 1000.0, np.nan)
        drone, panel = capture["Drone"], capture["Surface"]

    def gap(at):
        """Gap and its change: the motion capture was polled in batches, so a line through half a second of it."""
        near = np.abs(drone[:, 0] / 1e3 - at) < 0.25
        slope, place = np.polyfit(drone[near, 0] / 1e3 - at, drone[near, 1], 1)
        return panel[0, 1] - place, -slope

    seen = np.isfinite(metres).any(axis=(1, 2))
    times, middle = times[seen], np.array([np.nanmedian(each) for each in metres[seen]])
    approach = (times > 59.8) & (times < 64.0)
    # From 3.2 to 0.5 m, of a frame that is 0.08 s old.
    off = np.abs(middle[approach] - [gap(now - LATENCY_S)[0] for now in times[approach]])
    assert np.median(off) < 0.02
    assert off.max() < 0.1
    errors = []
    for now in times[approach]:
        truth = gap(now)[0] / -gap(now)[1]
        if truth < 3.0:
            window = (times > now - WINDOW_S - 1e-6) & (times <= now)
            found = time_to_collision(times[window], middle[window], latency_s=LATENCY_S)
            errors.append((truth, abs(float(found.time_s) - truth)))
    truths, off = np.array(errors).T
    assert len(off) > 25
    assert np.median(off) < 0.1
    assert np.mean(off < 0.2) > 0.9
    assert off[truths < 2.0].max() < 0.21


def _frame(metres, time_s):
    return TofFrame.from_status(np.full((4, 4), metres), np.full((4, 4), 5), time_s=time_s)
