"""Settings for all tests: one torch thread a process; hypothesis without deadlines.

Where CI is set, hypothesis draws the same examples every time: a change is judged by what it
changes. Elsewhere it looks for new ones.
"""

from __future__ import annotations

import os
import tempfile

import torch
from hypothesis import settings

torch.set_num_threads(1)

# Where einsearch keeps what belongs to its user: none of it is for tests to touch.
_STATE = tempfile.TemporaryDirectory(prefix="einsearch-state-")
os.environ["XDG_STATE_HOME"] = _STATE.name

settings.register_profile("einsearch", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("einsearch"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "einsearch")
