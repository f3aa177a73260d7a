"""How these scripts end: errors and interruptions in plain words, as the command's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from syncpano.console import Voice
from syncpano.errors import SyncPanoError
from syncpano.interrupts import Interrupted, raising_interrupted


def run_main(main: Callable[[], None]) -> None:
    """Call `main` and exit: 1 failed, 2 bad input, 129, 130 and 143 interrupted.

    With what another script ended with, where `main` ran one.
    """
    voice = Voice(quiet=os.environ.get("RANK", "0") != "0")  # one of several workers speaks
    try:
        with raising_interrupted():
            main()
    except SyncPanoError as error:
        voice.error(error)
        sys.exit(error.exit_code)
    except subprocess.CalledProcessError as failed:  # a script of ours, which has said why
        sys.exit(max(failed.returncode, 1))
    except Interrupted as stop:
        voice.say("interrupted: the same command goes on from here")
        sys.exit(stop.exit_code)
