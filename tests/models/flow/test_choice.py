"""The choice between hypotheses: who is read where, and which mean comes out."""

import torch

from leadline.classical.flow_prior import EVIDENCE, PRIOR_LAYERS
from leadline.models.flow.choice import Choice, Chosen, Hypotheses, similarity


def test_hypotheses_are_read_where_coarse_features_lie():
    prior = torch.arange(PRIOR_LAYERS * 64, dtype=torch.float32).view(1, PRIOR_LAYERS, 8, 8)
    found = Hypotheses.of(prior, 4)
    # Flow in pixels of a quarter: every fourth value, divided by 4.
    torch.testing.assert_close(found.flows[1][0, 0], prior[0, 2, ::4, ::4] / 4)
    torch.testing.assert_close(found.evidence[0, -1], prior[0, -2, ::4, ::4])
    assert found.evidence.shape[1] == len(EVIDENCE)
    guide = found.guide(found.flows[0])
    assert guide.shape[1] == Hypotheses.GUIDES == 6 + len(EVIDENCE)
    assert float(guide[:, :2].abs().max()) == 0.0


def test_similarity_follows_a_flow_to_whole_pixels():
    first, second = torch.zeros(1, 2, 3, 5), torch.zeros(1, 2, 3, 5)
    first[0, :, 1, 1] = torch.tensor([1.0, 2.0])
    second[0, :, 2, 4] = torch.tensor([3.0, 5.0])
    flow = torch.zeros(1, 2, 3, 5)
    flow[0, :, 1, 1] = torch.tensor([2.6, 0.9])
    found = similarity(first, second, flow)
    assert float(found[0, 0, 1, 1]) == 13.0
    assert float(found.sum()) == 13.0
    # Beyond the frame is its border.
    flow[0, :, 1, 1] = torch.tensor([90.0, 90.0])
    assert float(similarity(first, second, flow)[0, 0, 1, 1]) == 13.0


def test_the_mean_is_that_of_the_weights_at_any_resolution():
    flows = [torch.full((1, 2, 8, 12), value) for value in (1.0, 5.0, 9.0, 13.0)]
    logits = torch.log(torch.tensor([1.0, 3.0, 0.0, 0.0]) + 1e-12).view(1, 4, 1, 1).expand(1, 4, 2, 3)
    torch.testing.assert_close(Chosen(logits).mixed(flows), torch.full((1, 2, 8, 12), 4.0))
    same = [flow[..., :2, :3] for flow in flows]
    torch.testing.assert_close(Chosen(logits).mixed(same), torch.full((1, 2, 2, 3), 4.0))


def test_an_untrained_choice_mostly_takes_dis():
    torch.manual_seed(0)
    choice = Choice(4, 8)
    prior = torch.zeros(1, PRIOR_LAYERS, 16, 16)
    prior[:, :2] = 8.0
    pair = (torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    known = Hypotheses.of(prior, 4)
    flow, _ = choice.blended(torch.zeros(1, 2, 4, 4), torch.rand(1, 4, 4, 4), known, pair)
    # exp(1.5) of exp(-1.5) + exp(1.5) + exp(-0.5) + exp(-1) is 0.79, and DIS says 2 px of a quarter.
    torch.testing.assert_close(flow, torch.full((1, 2, 4, 4), 1.58), atol=0.2, rtol=0)
