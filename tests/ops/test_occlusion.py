"""Occlusion against scenes whose answer is known."""

import torch

from leadline.ops import forward_backward_occluded, left_right_occluded


def test_a_square_before_a_wall_hides_its_disparity_difference():
    left, right = torch.full((1, 1, 8, 30), 2.0), torch.full((1, 1, 8, 30), 2.0)
    left[..., 12:18] = 6.0  # the square at d = 6 covers right columns 6 to 11
    right[..., 6:12] = 6.0
    occluded = left_right_occluded(left, right)[0, 0, 4]
    # Wall at left columns 8 to 11 lands on right columns 6 to 9, behind the square; columns 0 and 1 leave the image.
    assert occluded.nonzero().flatten().tolist() == [0, 1, 8, 9, 10, 11]


def test_there_and_back_is_seen_and_astray_is_occluded():
    forward = torch.zeros(1, 2, 6, 10)
    forward[:, 0] = 3.0
    backward = -forward
    occluded = forward_backward_occluded(forward, backward)
    assert occluded[..., 7:].all()
    assert not occluded[..., :7].any()
    # |f + b'|^2 = 1 against 0.01 (9 + 4) + 0.5 = 0.63.
    assert forward_backward_occluded(forward, backward + torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)).all()
