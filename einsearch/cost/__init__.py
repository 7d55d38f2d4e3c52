"""What a network costs on a device, known before it is built: seconds of a step, bytes at its peak.

| file             | gives                                                                      |
| ---------------- | -------------------------------------------------------------------------- |
| `features.py`    | `features`: what the kernels of a network do, from its program alone       |
| `timeline.py`    | when its tensors are in memory, in training and in evaluation              |
| `device.py`      | `DeviceModel`: what a device needs for each of these, and `DEFAULT`        |
| `calibrating.py` | `calibrate`: that of the device at hand, measured; torch is needed here    |
| `probes.py`      | the small measurements that it makes                                       |
| `prediction.py`  | `predict`: a `Prediction` from features and a device                       |
| `corrections.py` | `Corrections`: what measured trials say of the predictions                 |
"""

from __future__ import annotations

from einsearch.cost.corrections import Corrections
from einsearch.cost.device import DEFAULT, DeviceModel
from einsearch.cost.features import Features, features
from einsearch.cost.prediction import Prediction, predict

__all__ = [
    "DEFAULT",
    "Corrections",
    "DeviceModel",
    "Features",
    "Prediction",
    "features",
    "predict",
]
