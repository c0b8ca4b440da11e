"""The network: a residual multilayer perceptron, He et al. (2016), doi:10.1109/CVPR.2016.90, with SiLU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = tuple[tuple[Tensor, Tensor], ...]  # (outputs, inputs) and (outputs,) of each layer


class Network(nn.Module):
    """x -> W_in x, then depth times h + silu(W h + b), then W_out h; rows are states, for training."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        sizes = [(inputs, width), *[(width, width)] * depth, (width, outputs)]
        linear = [nn.Linear(a, b) for a, b in sizes]
        self.layers = nn.ModuleList(linear)
        nn.init.zeros_(linear[-1].weight)  # the untrained network changes nothing
        nn.init.zeros_(linear[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, inputs) -> (rows, outputs)."""
        first, *middle, last = self.layers
        h = first(x)
        for layer in middle:
            h = h + functional.silu(layer(h))
        return last(h)

    def weights(self) -> Weights:
        """The parameters as `apply` takes them."""
        return tuple((layer.weight, layer.bias) for layer in self.layers if isinstance(layer, nn.Linear))


def apply(weights: Weights, x: Tensor) -> Tensor:
    """(inputs, cells) -> (outputs, cells): the same network on fields, cells last, in the precision of its weights."""
    (W, b), *middle, (V, c) = weights
    h = torch.addmm(b.unsqueeze(1), W, x.to(W.dtype))
    for A, a in middle:
        h = h + functional.silu(torch.addmm(a.unsqueeze(1), A, h))
    return torch.addmm(c.unsqueeze(1), V, h)
