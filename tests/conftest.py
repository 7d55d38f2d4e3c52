"""Settings for all tests: one torch thread a process, and hypothesis without deadlines."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("einsearch", deadline=None, print_blob=True)
settings.load_profile("einsearch")
