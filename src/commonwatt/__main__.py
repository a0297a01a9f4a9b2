"""`python -m commonwatt` and the command `commonwatt`: the doors, side by side under one name."""

from typing import Final

from commonwatt.benchmarks import command as benchmarks
from commonwatt.cli import open_doors

DOORS: Final = (benchmarks,)
"""What adds commands to the command line's own."""


def main() -> None:
    """Run the command line with the commands of every door."""
    open_doors(*DOORS)


if __name__ == "__main__":
    main()
