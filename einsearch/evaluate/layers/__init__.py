"""Layers are searched inside of networks: a layer is good where many networks learn with it.

| file         | what                                                                           |
| ------------ | ------------------------------------------------------------------------------ |
| `anchors.py` | `Anchor`: a network with a place for a layer; those that ship                  |
| `filters.py` | the stability of a layer: how far gradients can be driven up                   |
| `score.py`   | `LayerScore`: an objective, the score of a layer on each of several anchors    |
| `digits.py`  | `score`: that objective on scikit-learn's digits, for search-space files       |

After Liu, Brock, Simonyan and Le, 2020, "Evolving Normalization-Activation Layers", section 4.
"""
