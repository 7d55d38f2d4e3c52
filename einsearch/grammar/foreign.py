"""Names of other libraries' layers, and how the same is said here."""

from __future__ import annotations

from typing import Final

SAID_HERE: Final[dict[str, str]] = {
    "avgpool": "avg_pool(2, stride=2)",
    "averagepooling2d": "avg_pool(2, stride=2)",
    "adaptiveavgpool": "global_avg_pool",
    "globalaveragepooling2d": "global_avg_pool",
    "globalavgpool": "global_avg_pool",
    "gap": "global_avg_pool",
    "maxpool": "max_pool(2, stride=2)",
    "maxpooling2d": "max_pool(2, stride=2)",
    "batchnorm": "batch_norm",
    "batchnormalization": "batch_norm",
    "bn": "batch_norm",
    "groupnorm": "group_norm(8)",
    "instancenorm": "group_norm(channels)",
    "layernorm": "layer_norm",
    "layernormalization": "layer_norm",
    "rmsnorm": "rms_norm",
    "conv": "conv2d(16, 3)",
    "convolution": "conv2d(16, 3)",
    "conv2d": "conv2d(16, 3)",
    "conv1d": "conv1d(16, 3)",
    "pointwiseconv2d": "conv2d(16, 1)",
    "depthwiseconv": "conv2d(channels, 3, groups=channels)",
    "depthwiseconv2d": "conv2d(channels, 3, groups=channels)",
    "dwconv": "conv2d(channels, 3, groups=channels)",
    "separableconv2d": "conv2d(channels, 3, groups=channels) >> conv2d(16, 1)",
    "groupconv": "conv2d(16, 3, groups=2)",
    "dilatedconv2d": "conv2d(16, 3, dilation=2)",
    "dense": "linear(10)",
    "fc": "linear(10)",
    "fullyconnected": "linear(10)",
    "mlp": "linear(64) >> relu >> linear(10)",
    "dropout2d": "dropout(0.1)",
    "droppath": "dropout(0.1)",
    "leakyrelu": "leaky_relu",
    "swish": "silu",
    "elu": "silu",
    "mish": "silu",
    "logistic": "sigmoid",
    "logsoftmax": "softmax",
    "activation": "relu",
    "skip": "(relu, identity) >> add",
    "skipconnect": "(relu, identity) >> add",
    "shortcut": "(relu, identity) >> add",
    "residual": "(relu, identity) >> add",
    "sequential": "relu >> gelu",
    "parallel": "(relu, gelu) >> add",
    "concatenate": "(relu, gelu) >> concat(0)",
    "cat": "(relu, gelu) >> concat(0)",
    "sum": "(relu, gelu) >> add",
    "plus": "(relu, gelu) >> add",
    "multiply": "(relu, gelu) >> mul",
    "none": "zero",
    "zeroize": "zero",
    "noop": "identity",
    "reshape": "flatten",
    "transpose": 'permute("bca")',
    "unfold": "im2col(3)",
    "patchembed": "im2col(4, stride=4) >> linear(64)",
    "upsampling2d": "upsample(2)",
    "interpolate": "upsample(2)",
    "embedding": "embed(64)",
    "multiheadattention": "attention(4)",
    "selfattention": "attention(4)",
    "mha": "attention(4)",
    "positionembedding": "positional_encoding",
    "mixtureofexperts": "experts(linear(64), 4, 2)",
    "moe": "experts(linear(64), 4, 2)",
}
"""By the name in small letters without underscores, in PyTorch's numbered forms without number."""


def said_here(name: str) -> str:
    """How the language says what another library has under a name; empty where that is unknown."""
    plain = name.lower().replace("_", "").removeprefix("nn.")
    for form in (plain, plain.removesuffix("1d").removesuffix("2d"), plain.removesuffix("layer")):
        if form in SAID_HERE:
            return f"here it is said {SAID_HERE[form]}"
    return ""
