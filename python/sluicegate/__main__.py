"""`python -m sluicegate`."""

from sluicegate.cli import main

main()
