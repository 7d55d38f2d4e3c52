"""From a program to PyTorch: what runs, what is printed, and the head of the task.

| file         | gives                                                                        |
| ------------ | ---------------------------------------------------------------------------- |
| `plan.py`    | `Plan`: modules to construct and steps to run, as data                       |
| `fuse.py`    | chains of calls that one kernel computes faster                              |
| `kernels.py` | those kernels                                                                |
| `module.py`  | `build_module`: the network up to its last features                          |
| `head.py`    | `attach_head`: from there to the task's output                               |
| `source.py`  | `python_source`: the same network as Python that needs torch alone           |
| `selecting.py` | `choose_bases`, `prune_bases`: layers that select a basis for every output |
| `taking_over.py` | which basis can best take over from a mixture, and its weights           |
| `check.py`   | `check_shapes`: whether the shape rules told the truth                       |
"""
