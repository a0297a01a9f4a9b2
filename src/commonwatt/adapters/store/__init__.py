"""Stores: the operator's journal and the folder of a run."""
