"""Search algorithms: one file each, all behind `ask` and `tell`.

| file           | what                                                                          |
| -------------- | ----------------------------------------------------------------------------- |
| `base.py`      | `Searcher`, `SearchSpace`, `Proposal`: the contract                            |
| `registry.py`  | `register_searcher`, `all_searchers`, `make_searcher`: from `{name: evolution}` |
| `random.py`    | `random`: seeds, then samples                                                  |
| `evolution.py` | `evolution`: regularised evolution                                             |
"""
