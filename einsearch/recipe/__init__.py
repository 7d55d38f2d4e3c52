"""What a search decides where its user decides nothing, from the data alone.

| file        | what                                             |
| ----------- | ------------------------------------------------ |
| `places.py` | which files and folders are data                 |
| `spaces.py` | which packaged grammar suits a task, and why     |
"""
