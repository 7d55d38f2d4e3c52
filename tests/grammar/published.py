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


def mamba(width: int, blocks: int, *, directions: int = 1, state: int = 16) -> nn.Module:
    """Norms and mixers of github.com/state-spaces/mamba, modules/mamba_simple.py with its defaults:
    twice as wide inside, convolutions of 4, steps of rank width / 16. Vim's second direction has
    another scan; layer norm in the place of RMS norm, and one behind all blocks."""
    inner, rank = 2 * width, -(-width // 16)
    parts: list[nn.Module] = [nn.LayerNorm(width)]
    for _ in range(blocks):
        parts += [nn.LayerNorm(width), nn.Linear(width, 2 * inner, bias=False)]
        parts += [nn.Conv1d(inner, inner, 4, groups=inner), nn.Linear(inner, width, bias=False)]
        for _ in range(directions):
            parts += [nn.Linear(inner, rank + 2 * state, bias=False), nn.Linear(rank, inner)]
            parts += [nn.Embedding(inner, state), nn.Embedding(inner, 1)]
    return nn.Sequential(*parts)


def mamba2(width: int, blocks: int, heads: int, state: int = 16) -> nn.Module:
    """The same with modules/mamba2_simple.py: one projection; a step, a rate, a shortcut a head."""
    inner = 2 * width
    parts: list[nn.Module] = [nn.LayerNorm(width)]
    for _ in range(blocks):
        mixed = inner + 2 * state
        parts += [nn.LayerNorm(width), nn.Linear(width, inner + mixed + heads, bias=False)]
        parts += [nn.Conv1d(mixed, mixed, 4, groups=mixed), nn.Embedding(heads, 3)]
        parts += [nn.RMSNorm(inner), nn.Linear(inner, width, bias=False)]
    return nn.Sequential(*parts)


def image_convolution(
    entering: int, leaving: int, kernel: int, bias: bool = False, groups: int = 1
) -> nn.Module:
    """A convolution of an image and its batch normalisation."""
    conv = nn.Conv2d(entering, leaving, kernel, bias=bias, groups=groups)
    return nn.Sequential(conv, nn.BatchNorm2d(leaving))


def vgg(channels: int, classes: int, widths: tuple[int, ...]) -> nn.Module:
    """torchvision.models.vgg.make_layers(widths, batch_norm=True) and one linear layer."""
    levels = [image_convolution(a, b, 3, bias=True) for a, b in pairwise((channels, *widths))]
    return nn.Sequential(*levels, nn.Linear(widths[-1], classes))


def cifar_resnet(channels: int, classes: int, blocks: int) -> nn.Module:
    """github.com/chenyaofo/pytorch-cifar-models, resnet.py: shortcuts are convolutions of 1x1
    where channels change."""
    network, entering = nn.Sequential(image_convolution(channels, 16, 3)), 16
    for width in (16, 32, 64):
        for _ in range(blocks):
            network.append(image_convolution(entering, width, 3))
            network.append(image_convolution(width, width, 3))
            if entering != width:
                network.append(image_convolution(entering, width, 1))
            entering = width
    return network.append(nn.Linear(64, classes))


def wide_resnet(channels: int, classes: int, factor: int, bias: bool = True) -> nn.Module:
    """github.com/szagoruyko/wide-residual-networks, depth 16: without offsets of convolutions
    2,748,890 parameters at factor 4, with them 2,751,146."""
    network, entering = nn.Sequential(nn.Conv2d(channels, 16, 3, bias=bias)), 16
    for width in (16 * factor, 32 * factor, 64 * factor):
        for block in range(2):
            network.extend([nn.BatchNorm2d(entering), nn.Conv2d(entering, width, 3, bias=bias)])
            network.extend([nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, bias=bias)])
            if block == 0:
                network.append(nn.Conv2d(entering, width, 1, bias=bias))
            entering = width
    return network.extend([nn.BatchNorm2d(entering), nn.Linear(entering, classes)])


def convnext(channels: int, classes: int) -> nn.Module:
    """github.com/facebookresearch/ConvNeXt, models/convnext.py, with three stages of two blocks,
    32, 64 and 128 wide, patches of 2x2, and no norm behind the average."""
    network, entering = nn.Sequential(), channels
    for width in (32, 64, 128):
        if entering != channels:
            network.append(nn.LayerNorm(entering))
        network.append(nn.Conv2d(entering, width, 2))
        if entering == channels:
            network.append(nn.LayerNorm(width))
        for _ in range(2):
            filters, scale = nn.Conv2d(width, width, 7, groups=width), nn.Embedding(1, width)
            wide = nn.Sequential(nn.Linear(width, 4 * width), nn.Linear(4 * width, width))
            network.extend([filters, nn.LayerNorm(width), wide, scale])
        entering = width
    return network.append(nn.Linear(128, classes))


def encoder(width: int, hidden: int, blocks: int) -> nn.Module:
    """torch.nn.TransformerEncoder, normalised first, with a norm behind it."""
    layer = nn.TransformerEncoderLayer(width, 4, hidden, norm_first=True)
    norm = nn.LayerNorm(width)
    return nn.TransformerEncoder(layer, blocks, norm, enable_nested_tensor=False)


def vision_transformer(channels: int, classes: int, patches: int) -> nn.Module:
    """Xiao et al.: convolutions with stride 2, one of 1x1, then an encoder with learned places."""
    stem = [image_convolution(channels, 32, 3), image_convolution(32, 64, 3), nn.Conv2d(64, 64, 1)]
    places = nn.Embedding(patches, 64)
    return nn.Sequential(*stem, places, encoder(64, 128, 4), nn.Linear(64, classes))


def mixer(channels: int, classes: int, patches: int) -> nn.Module:
    """github.com/google-research/vision_transformer, models_mixer.py: patches of 4x4, four blocks
    of width 64, 32 features among the patches and 256 in each."""
    network = nn.Sequential(nn.Conv2d(channels, 64, 4), nn.LayerNorm(64))
    for _ in range(4):
        among = nn.Sequential(nn.Linear(patches, 32), nn.Linear(32, patches))
        within = nn.Sequential(nn.Linear(64, 256), nn.Linear(256, 64))
        network.extend([nn.LayerNorm(64), among, nn.LayerNorm(64), within])
    return network.append(nn.Linear(64, classes))


def text_cnn(codes: int, classes: int, width: int, windows: int) -> nn.Module:
    """github.com/yoonkim/CNN_sentence: windows of 3, 4 and 5 words."""
    sizes = [nn.Conv1d(width, windows, size) for size in (3, 4, 5)]
    return nn.Sequential(nn.Embedding(codes, width), *sizes, nn.Linear(3 * windows, classes))


def vdcnn(codes: int, classes: int) -> nn.Module:
    """Conneau et al., table 2, up to 256 features: two convolutions a level, no shortcuts."""
    network = nn.Sequential(nn.Embedding(codes, 16), nn.Conv1d(16, 64, 3))
    for entering, width in ((64, 64), (64, 128), (128, 256)):
        network.extend([convolution(entering, width, 3), convolution(width, width, 3)])
    return network.append(nn.Linear(256, classes))


def text_transformer(codes: int, classes: int, length: int) -> nn.Module:
    """torch.nn.TransformerEncoder of two layers with learned places; none where length is 0."""
    vectors, places = nn.Embedding(codes, 64), nn.Embedding(max(length, 1), 64)
    read = nn.Sequential(vectors, places) if length else vectors
    return nn.Sequential(read, encoder(64, 256, 2), nn.Linear(64, classes))
