"""A search as it runs and as it is kept.

| file                         | gives                                                        |
| ---------------------------- | ------------------------------------------------------------ |
| loop.py                      | `run_study`: ask, submit, record, tell, until it is spent    |
| events.py                    | `Budget`, `StudyEnd`, and `Callbacks`, who hear of it        |
| describing.py, duplicates.py | a proposal as a trial; which proposals repeat earlier ones   |
| proposing.py                 | `Proposer`: the searcher, or the list of a small space       |
| exhausting.py, ground.py     | whether a space is used up; what a file searches, loaded     |
| checkspace.py, scores.py     | checks of a search-space file; how values are written        |
| dashboard.py                 | parameters of trials, as Optuna shows them                   |
| resuming.py                  | `rebuild`: a searcher as it was when the record ends         |
| executor.py                  | `Executor`, the contract: `Job` in, `Finished`, `Report` out |
| inline.py, local.py          | in the calling process; in worker processes of this machine  |
| ray/                         | on the nodes of a Ray cluster                                |
| packing.py                   | work on its way there, its large arrays beside the pickle    |
| executing.py                 | which executor a user asks for                               |
| process.py, worker.py        | such a process as its driver sees it; what runs inside       |
| result.py, objective.py      | `Result`: what work gives back; a callable of one's own      |
| record.py, encoding.py       | `Record`: the trials, kept as an Optuna study                |
| storage.py, opening.py       | where it is kept, repaired, opened to write or to read       |
| storageurl.py                | URLs of storages, whose passwords no file has                |
| checkpoints.py, places.py    | what paused candidates go on from; where that is kept        |
| folder.py, weights.py        | `RunFolder`: its files; the weights of the best trials       |
| lock.py, interrupts.py       | one driver a folder; Ctrl-C waits for the end of a write     |
| searchspace.py, training.py  | what searchers draw from; training a candidate, as work      |
| plan.py                      | `Plan`: a search ready to start, from a search-space file    |
| launch.py, finishing.py      | from a file or a grammar to a finished run; full training    |
| learned.py                   | grammars that searches have learned, out of the record       |
| grammarcopy.py               | the grammar as used, and all it imports, in the run folder   |
| trained.py                   | trained networks of a run, loaded or trained again           |
| run.py                       | `Run`: what a record says to people                          |
| spacefile.py                 | a search-space file (YAML) as a `SpaceFile`                  |
| spacereading.py, yamltext.py | what is wrong with one, and on which line                    |
| quantities.py                | numbers as people write them: 2M, 200MB, 20..200             |
"""
