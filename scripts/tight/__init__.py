"""The tight month: its feeder, what is counted, and its page; `scripts/tight_feeder.py` runs it."""
