"""The block of transformers."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)).

    Args:
        width: Channels of a token.
        heads: Heads of the attention, which divide the width.
    Source: Dosovitskiy et al. 2021 (ViT), equations 2 and 3.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, eps=1e-6)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Tokens that have looked at each other."""
        split = self.queries_keys_values(self.attention_norm(tokens)).unflatten(2, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(queries, keys, values)
        tokens = tokens + self.join(seen.transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.mlp_norm(tokens))
