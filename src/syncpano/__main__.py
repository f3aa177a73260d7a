"""`syncpano` and `python -m syncpano`: the command, and what must happen before it is loaded."""

import os
import signal

# Rounds of a loop in which one of torch's threads waits for another before it sleeps. By default
# they are 300,000: longer than any work that is waited for, so that where another process wants the
# cores too, those that wait keep them from those that are waited for. docs/notes/threads-that-wait
_SPIN_COUNT = "10000"


def main() -> None:
    """Run the command line and exit."""
    # Its modules take a moment to load, and a traceback from inside of them helps nobody. Where a
    # script runs the command in the background, Ctrl-C is ignored, and stays so.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)  # read when torch is loaded
    from syncpano.cli import main as command

    command()


if __name__ == "__main__":
    main()
