"""Search algorithms: one file each, all behind `ask` and `tell`.

| file           | what                                                                          |
| -------------- | ----------------------------------------------------------------------------- |
| `base.py`      | `Searcher`, `SearchSpace`, `Proposal`: the contract                            |
| `registry.py`  | `register_searcher`, `all_searchers`, `make_searcher`: from `{name: evolution}` |
| `random.py`    | `random`: seeds, then samples                                                  |
| `evolution.py` | `evolution`: regularised evolution, adaptive choice of operators               |
| `local.py`     | `local`: local search with restarts                                            |
| `nsga2.py`     | `nsga2`: several objectives, by fronts and crowding                            |
| `grammar_learning.py` | `grammar-learning`: learned probabilities, and the grammar they make  |
| `learned.py`, `learned_text.py` | the learned distribution, and its text                      |
| `portfolio.py` | `portfolio`: several searchers that share trials and results                   |
| `pareto.py`    | domination, fronts, crowding distances                                         |
| `varying.py`   | `Operators` of a space by name, `Breeder`: an adaptive choice of them          |
| `credit.py`    | `Credit`, `Ranks`: adaptive choice by gains                                    |
| `proposed.py`  | `Proposed`: what a searcher remembers of its proposals                         |
"""
