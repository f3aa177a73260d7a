"""`syncpano` and `python -m syncpano`: the command, and Ctrl-C before it can answer itself."""

import os
import signal


def main() -> None:
    """Run the command line and exit."""
    # Its modules take a moment to load, and a traceback from inside of them helps nobody.
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    from syncpano.cli import main as command

    command()


if __name__ == "__main__":
    main()
