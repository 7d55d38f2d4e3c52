"""Search algorithms: one file each, all behind `ask` and `tell`.

| file           | what                                                                          |
| -------------- | ----------------------------------------------------------------------------- |
| `base.py`      | `Searcher`, `SearchSpace`, `Proposal`: the contract                            |
| `registry.py`  | `register_searcher`, `all_searchers`, `make_searcher`: from `{name: evolution}` |
| `random.py`    | `random`: seeds, then samples                                                  |
| `evolution.py` | `evolution`: regularised evolution, adaptive choice of operators               |
| `local.py`     | `local`: local search with restarts                                            |
| `pareto_evolution.py` | `pareto-evolution`: several objectives, tournaments won by a front      |
| `nsga2.py`     | `nsga2`: several objectives, by fronts and crowding                            |
| `grammar_learning.py` | `grammar-learning`: learned probabilities, and the grammar they make  |
| `learned.py`, `learned_text.py` | the learned distribution, and its text                      |
| `redraws.py`   | derivations that come up again and again, found without deriving them          |
| `mcts.py`      | `mcts`: tree search over decisions                                             |
| `mcts_tree.py`, `mcts_parts.py` | branches of its tree and how one is chosen; values cut in half |
| `mcts_guide.py`, `mcts_rewards.py` | one walk down the tree; ranks of trials, given to branches  |
| `bayesian.py`  | `bayesian`: a surrogate, and candidates that are bred for it                    |
| `acquisition.py` | candidates of a proposal, by evolution                                        |
| `surrogate.py`, `surrogate_fit.py` | what the trials teach; a surrogate of one quantity          |
| `surrogate_gp.py`, `surrogate_forest.py` | the Gaussian process; the forest for long histories   |
| `feasibility.py` | how likely an architecture neither fails nor breaks a constraint              |
| `features.py`, `overlap.py` | structure features, and how many of them networks share            |
| `surrogate_penalty.py` | proposals under way keep others at a distance                           |
| `observations.py` | what finished trials are worth to a surrogate                                |
| `optuna.py`    | `optuna`: the samplers of Optuna                                               |
| `optuna_decisions.py`, `optuna_study.py`, `optuna_history.py` | its parameters, study and trials |
| `portfolio.py` | `portfolio`: several searchers that share trials and results                   |
| `pareto.py`    | domination, fronts, crowding distances                                         |
| `varying.py`   | `Operators` of a space by name, `Breeder`: an adaptive choice of them          |
| `credit.py`    | `Credit`, `Ranks`: adaptive choice by gains                                    |
| `proposed.py`  | `Proposed`: what a searcher remembers of its proposals                         |
"""
