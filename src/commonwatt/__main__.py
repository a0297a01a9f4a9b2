"""`python -m commonwatt` and the command `commonwatt`: the doors, side by side under one name."""

from commonwatt.benchmarks import command as benchmarks
from commonwatt.cli import open_doors


def main() -> None:
    """Run the command line with the commands of every door."""
    open_doors(benchmarks)


if __name__ == "__main__":
    main()
