"""A search as it runs and as it is kept: the loop, its record, the folder, the executors.

| file         | gives                                                                      |
| ------------ | -------------------------------------------------------------------------- |
| loop.py      | `run_study`: ask, submit, record, tell, until the budget is spent          |
| resuming.py  | `Replay`: a searcher rebuilt from the record, and compared with it         |
| duplicates.py| `Known`: which architectures were proposed before, and who waits for whom  |
| record.py    | `Record`: the trials of a run, kept as an Optuna study; only drivers write |
| storage.py   | the Optuna storages beneath it: journal, URL, memory; repair of a journal  |
| encoding.py  | `Trial` -> the attributes of an Optuna trial, and back                     |
| folder.py    | `RunFolder`: the files of a run, written whole or not at all               |
| weights.py   | weights of the best trials, a bounded number of them                       |
| lock.py      | `DriverLock`: one driver a folder                                          |
| run.py       | `Run`: what a record says to people: trials, best, front, architectures    |
| objective.py | a callable of the user's -> `Result`                                       |
| events.py    | `Callbacks`: what a live table listens to                                  |
| executor.py  | `Job`, `Finished` and the contract of executors; inline.py, local.py       |
"""
