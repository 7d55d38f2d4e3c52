"""What fits into a budget: decided before anything runs, and kept to while it runs.

| file           | decides                                                              |
| -------------- | -------------------------------------------------------------------- |
| `times.py`     | how the minutes are divided: search, full training, the end          |
| `forecast.py`  | seconds and bytes of a candidate, corrected by what was measured     |
| `ceilings.py`  | limits on parameters, FLOPs and memory that follow from the budget   |
| `gate.py`      | which candidates may begin, and when each must have ended            |
| `outline.py`   | all of that for one search-space file, with its reasons              |
"""
