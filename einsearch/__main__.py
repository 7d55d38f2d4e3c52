"""`python -m einsearch`: the command line where the script is not on the path."""

from __future__ import annotations

from einsearch.cli.main import main

if __name__ == "__main__":
    main()
