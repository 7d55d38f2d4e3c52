"""Augmentation: examples that differ a little at every look, drawn from a generator alone.

| file        | what                                                                        |
| ----------- | --------------------------------------------------------------------------- |
| `choice.py` | which augmentation a configuration means, and whether it suits the task     |
| `images.py` | moving, mirroring, turning, brightness, cutting out                         |
| `series.py` | noise, scale, cropping and stretching, masking                              |
| `mixing.py` | mixup                                                                       |
"""
