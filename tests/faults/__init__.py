"""Searches on a true cluster of several nodes, while parts of it are killed for real.

The nodes are raylets on this machine, with processes of their own, so whatever kills one of them
kills what a lost machine would take along. `make test` runs each kind of fault once, `make
test-faults` injects many at random moments.
"""
