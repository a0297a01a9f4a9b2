"""Benchmarks: what the platform costs, measured beside a reference in the same run, after the answer was checked."""
