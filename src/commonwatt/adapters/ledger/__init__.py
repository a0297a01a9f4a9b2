"""Ledgers: what a settlement is posted to."""
