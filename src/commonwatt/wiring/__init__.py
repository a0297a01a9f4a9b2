"""Wiring: settings become a market; the doors (command line, web, benchmarks) open onto this."""
