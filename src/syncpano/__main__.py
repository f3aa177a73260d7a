"""`syncpano` and `python -m syncpano`: the command, and what must happen before it is loaded."""

import os
import signal

# Rounds of a loop in which one of torch's threads waits for another before it sleeps: what libgomp
# itself takes where threads outnumber cores. Its default of 300,000 costs nothing on a machine that
# is idle, but where another process wants the cores too, those that wait keep them from those that
# are waited for: two panoramas at once took not twice but five times as long.
_SPIN_COUNT = "1000"


def main() -> None:
    """Run the command line and exit."""
    # Its modules take a moment to load, and a traceback from inside of them helps nobody.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)  # read when torch is loaded
    from syncpano.cli import main as command

    command()


if __name__ == "__main__":
    main()
