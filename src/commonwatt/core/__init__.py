"""The language every part of the system speaks: units, slots, orders, records, accounts. Imports nothing of ours, does no I/O."""
