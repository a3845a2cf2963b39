"""`python -m openbell` is the command `openbell`."""

from openbell.cli import main

if __name__ == "__main__":
    main()
