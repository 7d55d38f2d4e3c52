"""Evaluation: a candidate is trained and scored, and every failure of it is a value.

| file            | what                                                                        |
| --------------- | --------------------------------------------------------------------------- |
| `config.py`     | `TrainingConfig`: a search-space file's `training:`; no torch               |
| `course.py`     | `Course`: the steps of an epoch, and the examples of a step                 |
| `suiting.py`    | whether a configuration suits a task and the machine                        |
| `augmenting/`   | examples that differ at every look, by layout; mixup                        |
| `losses.py`     | what training minimises, and how much examples count in it                  |
| `averaging.py`  | `Average`: the moving average of weights                                    |
| `keeping.py`    | `Kept`: the best epoch                                                      |
| `metrics.py`    | accuracy, cross-entropy, R2 and others, in NumPy                            |
| `optimizing.py` | parameter groups, optimisers, the learning rate of a step                   |
| `data.py`       | a task's arrays as tensors on a device                                      |
| `scoring.py`    | what a network answers to a split, and its metrics                          |
| `training.py`   | `train`: the loop, giving an `Evaluation`                                   |
| `checkpoint.py` | `TrainingState`: a training between two epochs, as bytes and back             |
| `latency.py`    | `measure_latency`: ms of a forward pass for one example                     |
| `faults.py`     | from an exception to a `FailureKind` and a reason, with the primitive       |
| `network.py`    | from an architecture to a network with its head, and weights in and out     |
| `candidate.py`  | `evaluate_candidate`: a `Job` to an `Outcome`, both plain data that pickle  |
| `layers/`       | layers scored inside of anchor networks, after two filters                  |
| `final.py`      | `train_final`: full training with several seeds, and the one look at test   |
"""
