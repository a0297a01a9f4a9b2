"""Billing: a member's bill with the proof of every line, and what a stranger checks of it."""
