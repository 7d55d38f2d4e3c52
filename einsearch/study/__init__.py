"""A search under way and its record.

- `executor.py`: `Executor`, the contract: `Job` in, `Finished` and `Report` out.
- `inline.py`, `local.py`: in the calling process; in worker processes of this machine.
- `spacefile.py`: a search-space file (YAML) as a `SpaceFile`.
"""
