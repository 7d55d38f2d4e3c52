"""Features of images from patches of training images as kernels (Coates, Lee and Ng, 2011)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from outcome_parts.sets import Data

_KERNELS: Final = 400
_SIZE: Final = 5
_BATCH: Final = 64


def patch_features(data: Data, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features of training and test images, (n, 4 * kernels): how much each kernel answers in each
    quarter of an image. The kernels are patches of training images, centred and of length 1."""
    deviation = data.train_x.std(axis=(0, 2, 3), keepdims=True) + 1e-6
    x, test_x = ((part / deviation).astype(np.float32) for part in (data.train_x, data.test_x))
    kernels = torch.from_numpy(_kernels(x, random))
    return _features(x, kernels), _features(test_x, kernels)


def _kernels(x: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Patches in which something is to be seen, (kernels, channels, size, size)."""
    size = min(_SIZE, x.shape[2] // 2)
    top, left = (random.integers(x.shape[axis] - size + 1, size=4 * _KERNELS) for axis in (2, 3))
    rows = random.integers(len(x), size=4 * _KERNELS)
    patches = np.stack(
        [x[row, :, y : y + size, z : z + size] for row, y, z in zip(rows, top, left, strict=True)]
    )
    patches -= patches.mean(axis=(1, 2, 3), keepdims=True)
    lengths = np.sqrt((patches**2).sum(axis=(1, 2, 3), keepdims=True))
    seen = lengths[:, 0, 0, 0] > np.median(lengths) / 2
    return (patches / np.maximum(lengths, 1e-6))[seen][:_KERNELS]


@torch.inference_mode()
def _features(x: NDArray[np.float32], kernels: torch.Tensor) -> NDArray[np.float32]:
    found = []
    for begin in range(0, len(x), _BATCH):
        answers = F.conv2d(torch.from_numpy(x[begin : begin + _BATCH]), kernels)
        threshold = answers.mean(dim=1, keepdim=True)
        found.append(F.adaptive_avg_pool2d(F.relu(answers - threshold), 2).flatten(1))
    return torch.cat(found).numpy()
