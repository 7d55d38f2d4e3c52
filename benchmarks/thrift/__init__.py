"""Parts of `throughput.py`: cheaper trainings, and what a GPU can do."""
