"""Networks as their papers and public implementations build them, in plain PyTorch, head included:
what the seeds of the packaged grammars must have the parameters of.

Only layers with weights matter here, so that nothing is ever run.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def count(module: nn.Module) -> int:
    """Number of trainable scalars."""
    return sum(weight.numel() for weight in module.parameters())


def convolution(entering: int, leaving: int, kernel: int, bias: bool = True) -> nn.Module:
    """A convolution of a series and its batch normalisation."""
    conv = nn.Conv1d(entering, leaving, kernel, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm1d(leaving))


def fcn(features: int, classes: int, width: int = 128) -> nn.Module:
    """github.com/cauchyturing/UCR_Time_Series_Classification_Deep_Learning_Baseline, FCN.py."""
    return nn.Sequential(
        convolution(features, width, 8),
        convolution(width, 2 * width, 5),
        convolution(2 * width, width, 3),
        nn.Linear(width, classes),
    )


def series_resnet(features: int, classes: int, width: int = 64) -> nn.Module:
    """github.com/hfawaz/dl-4-tsc, classifiers/resnet.py: the last shortcut is a norm alone."""
    parts: list[nn.Module] = []
    for entering, leaving in pairwise([features, width, 2 * width, 2 * width]):
        parts.append(convolution(entering, leaving, 8))
        parts.append(convolution(leaving, leaving, 5))
        parts.append(convolution(leaving, leaving, 3))
        fits = entering == leaving
        parts.append(nn.BatchNorm1d(leaving) if fits else convolution(entering, leaving, 1))
    return nn.Sequential(*parts, nn.Linear(2 * width, classes))


def inception_time(features: int, classes: int, filters: int = 32) -> nn.Module:
    """github.com/hfawaz/InceptionTime, classifiers/inception.py, with its defaults: six modules,
    kernels of 40, 20 and 10, a bottleneck where more than one feature enters."""
    width, parts = 4 * filters, list[nn.Module]()
    for depth in range(6):
        entering = width if depth else features
        if entering > 1:
            parts.append(nn.Conv1d(entering, filters, 1, bias=False))
        inner = filters if entering > 1 else entering
        parts += [nn.Conv1d(inner, filters, kernel, bias=False) for kernel in (40, 20, 10)]
        parts += [nn.Conv1d(entering, filters, 1, bias=False), nn.BatchNorm1d(width)]
        if depth % 3 == 2:
            parts.append(convolution(width if depth > 2 else features, width, 1, bias=False))
    return nn.Sequential(*parts, nn.Linear(width, classes))


def tcn(features: int, classes: int) -> nn.Module:
    """github.com/locuslab/TCN, TCN/tcn.py with the 8 levels of 25 channels and kernel 7 of its
    sequential MNIST; batch normalisation in the place of weight normalisation."""
    parts: list[nn.Module] = []
    for level in range(8):
        entering = 25 if level else features
        parts += [convolution(entering, 25, 7), convolution(25, 25, 7)]
        if entering != 25:
            parts.append(nn.Conv1d(entering, 25, 1))
    return nn.Sequential(*parts, nn.Linear(25, classes))


def series_transformer(features: int, classes: int, length: int) -> nn.Module:
    """github.com/gzerveas/mvts_transformer, models/ts_transformer.py with its defaults: three
    layers of width 64, 8 heads, 256 hidden features, learned places, batch normalisation."""
    network = nn.Sequential(nn.Linear(features, 64), nn.Embedding(length, 64))
    for _ in range(3):
        attention = nn.MultiheadAttention(64, 8)
        norms = nn.Sequential(nn.BatchNorm1d(64), nn.BatchNorm1d(64))
        network.extend([attention, nn.Linear(64, 256), nn.Linear(256, 64), norms])
    # The published head reads every token at its place; a head of ours reads their mean.
    return network.append(nn.Linear(64, classes))


def perceptron(features: int, classes: int, width: int) -> nn.Module:
    """rtdl_revisiting_models.MLP(d_in, d_out, n_blocks=2, d_block=width, dropout=0.1)."""
    return nn.Sequential(
        nn.Linear(features, width), nn.Linear(width, width), nn.Linear(width, classes)
    )


def table_resnet(features: int, classes: int) -> nn.Module:
    """rtdl_revisiting_models.ResNet as in its README: two blocks of 192, twice as wide inside."""
    blocks = [
        nn.Sequential(nn.BatchNorm1d(192), nn.Linear(192, 384), nn.Linear(384, 192))
        for _ in range(2)
    ]
    last = nn.BatchNorm1d(192)
    return nn.Sequential(nn.Linear(features, 192), *blocks, last, nn.Linear(192, classes))


def plr(features: int, classes: int) -> nn.Module:
    """rtdl_num_embeddings.PeriodicEmbeddings(n, d_embedding=24, lite=True) and such an MLP: 48
    frequencies a number, one linear map for all of them."""
    frequencies = nn.Embedding(features, 48)
    return nn.Sequential(frequencies, nn.Linear(96, 24), perceptron(24 * features, classes, 128))


def ft_transformer(features: int, classes: int, width: int, blocks: int) -> nn.Module:
    """rtdl_revisiting_models.FTTransformer with the widths of `get_default_kwargs(blocks)` but for
    the token that is added to the numbers: one row less, no first norm in the first block."""
    network = nn.Sequential(nn.Embedding(features, width), nn.Embedding(features, width))
    hidden = width * 4 // 3
    for block in range(blocks):
        network.append(nn.MultiheadAttention(width, 8))
        network.extend(nn.LayerNorm(width) for _ in range(2 if block else 1))
        network.extend([nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)])
    return network.extend([nn.LayerNorm(width), nn.Linear(width, classes)])


def kan(features: int, classes: int) -> nn.Module:
    """github.com/Blealtan/efficient-kan, KANLinear with grid 5 and cubic splines, no scale for each
    spline: eight coefficients and one weight an edge; here with an offset, and a linear head."""
    base, splines = nn.Linear(features, 16), nn.Linear(8 * features, 16, bias=False)
    return nn.Sequential(base, splines, nn.Linear(16, classes))
