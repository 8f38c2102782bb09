"""An optical-flow network as its users call it: frames of any size in, flow and any confidence out."""

from typing import cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.flow.prediction import FlowModel, FlowPrediction


class FlowInference(nn.Module):
    """A network with its pre- and post-processing, used alike in validation and in the exported graph.

    Args:
        model: An optical-flow network, which is a torch module.
    """

    def __init__(self, model: FlowModel) -> None:
        super().__init__()
        self.model = cast(nn.Module, model)
        self.stride = model.input_stride
        self.guided = bool(getattr(model, "guided", False))

    def forward(
        self,
        first: UInt8[Tensor, "h w 3"],
        second: UInt8[Tensor, "h w 3"],
        prior: Float[Tensor, "h layers w"] | None = None,
    ) -> tuple[Float[Tensor, "h w 2"], Float[Tensor, "h w"] | None]:
        """Flow (u, v) in px, and P(error < 1 px) in [0, 1] if the network judges itself; at the frames' size.

        Args:
            first: RGB.
            second: The next frame, likewise.
            prior: Layers of `leadline.classical.flow_prior`, for a guided network only.
        """
        pair = torch.stack([first, second]).permute(0, 3, 1, 2).float() / 255.0
        rows, columns = -pair.shape[2] % self.stride, -pair.shape[3] % self.stride
        pair = functional.pad(pair, (0, columns, 0, rows), mode="replicate")
        guides: tuple[Tensor, ...] = ()
        if prior is not None:
            layers = prior.permute(1, 0, 2).unsqueeze(0)
            guides = (functional.pad(layers, (0, columns, 0, rows), mode="replicate"),)
        prediction = cast(FlowPrediction, self.model(pair[:1], pair[1:], *guides))
        height, width = first.shape[0], first.shape[1]
        flow = prediction.flow[0, :, :height, :width].permute(1, 2, 0)
        if prediction.confidence_logit is None:
            return flow, None
        return flow, prediction.confidence_logit.sigmoid()[0, 0, :height, :width]
