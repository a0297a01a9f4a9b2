"""Chains: where transactions become blocks."""
