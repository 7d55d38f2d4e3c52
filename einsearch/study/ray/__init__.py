"""Searches on a Ray cluster. Ray is imported here alone, and einsearch works without it.

| file          | what                                                                     |
| ------------- | ------------------------------------------------------------------------ |
| executor.py   | `RayExecutor`: places workers, hears them, replaces those that are lost   |
| worker.py     | one worker: the actor, and the driver's side of it                       |
| supervisor.py | `Supervisor`: what the actor does: it runs jobs in a process beside it   |
| nodes.py      | `Resources` of a worker, and which nodes have room for them              |
| connection.py | joining a cluster, leaving it, and whether its head answers              |
"""
