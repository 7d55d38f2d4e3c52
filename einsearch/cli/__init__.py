"""The command line: a thin layer over `einsearch.api`, one file a group of commands.

| file         | commands                                    |
| ------------ | ------------------------------------------- |
| main.py      | the program, its errors and exit status     |
| checks.py    | check                                       |
| grammar.py   | analyse, sample, show                       |
| primitives.py | primitives                                 |
| language.py  | format, why                                 |
| diagrams.py  | draw                                        |
| search.py    | search, resume                              |
| results.py   | trials, best, explain                       |
| networks.py  | train, export, report                       |
| board.py     | state of a search while it runs             |
| progress.py  | the live table, and lines where no terminal |
| usage.py     | what to type instead of a wrong call        |
| kinds.py     | whether a path is grammar, space or run     |
| output.py    | JSON, tables, numbers, wrong calls          |

Everything heavy is imported inside the commands, so that `einsearch --help` answers at once.
"""
