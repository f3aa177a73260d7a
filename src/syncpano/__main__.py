"""`python -m syncpano` is the command `syncpano`."""

from syncpano.cli import main

if __name__ == "__main__":
    main()
