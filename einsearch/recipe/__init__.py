"""What follows from the data where a user decides nothing: how candidates are trained, scored and
compared, and how the best of them are trained in full.

| file         | does                                                                     |
| ------------ | ------------------------------------------------------------------------ |
| `facts.py`   | what is known of the data: examples, layout, size, classes               |
| `decide.py`  | from these facts, the speed of the machine and the minutes to a recipe    |
| `places.py`  | which files and folders are data                                         |
| `spaces.py`  | which packaged grammar suits the data                                    |
"""
