"""The program: `einsearch`, and `python -m einsearch` where the script is not on the path."""

from __future__ import annotations

import signal


def main() -> None:
    """Runs the program. Ctrl-C while it loads ends it as any other, without a traceback."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:  # a job in the background may ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from einsearch.cli import clock
    from einsearch.cli.main import main as run

    clock.start()
    signal.signal(signal.SIGINT, heard)
    run()


if __name__ == "__main__":
    main()
