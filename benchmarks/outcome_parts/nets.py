"""The net that anyone writes by hand for a layout, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from outcome_parts.sets import Data


class FCN(nn.Module):
    """Three convolutions over a series (Wang, Yan and Oates, 2017)."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, size in ((128, 8), (256, 5), (128, 3)):
            layers.append(nn.ConstantPad1d(((size - 1) // 2, size // 2), 0.0))
            layers.append(nn.Conv1d(channels, width, size, bias=False))
            layers += [nn.BatchNorm1d(width), nn.ReLU()]
            channels = width
        self.body, self.head = nn.Sequential(*layers), nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean(dim=2))


class Block(nn.Module):
    """Two convolutions and a way around them (He et al., 2016)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        is_same = before == width and stride == 1
        self.around = nn.Identity() if is_same else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.around(x))


class ResNet(nn.Module):
    """A stem and three pairs of blocks, each pair at half the size and twice the width."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, 24, 3, 1, 1, bias=False)]
        layers += [nn.BatchNorm2d(24), nn.ReLU()]
        before = 24
        for width, stride in ((24, 1), (48, 2), (96, 2)):
            layers += [Block(before, width, stride), Block(width, width, 1)]
            before = width
        self.body, self.head = nn.Sequential(*layers), nn.Linear(before, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean(dim=(2, 3)))


class MLP(nn.Sequential):
    """Two hidden layers."""

    def __init__(self, features: int, outputs: int, width: int = 128) -> None:
        super().__init__(
            nn.Linear(features, width),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(width, outputs),
        )


class Transformer(nn.Module):
    """Three causal blocks over codes; answers logits of the next one at every place."""

    def __init__(self, symbols: int, length: int, width: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, 0.1, "gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, 3, nn.LayerNorm(width), False)
        self.head = nn.Linear(width, symbols)
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.embedding(x) + self.places
        return self.head(self.body(embedded, mask=self.mask, is_causal=True))


def net_for(data: Data) -> nn.Module:
    """A new net; its weights come from torch's seed."""
    if data.layout == "text":
        return Transformer(data.symbols, data.train_x.shape[1])
    outputs = data.classes if data.kind == "classes" else 1
    nets = {"series": FCN, "images": ResNet, "tables": MLP}
    return nets[data.layout](data.train_x.shape[1], outputs)
