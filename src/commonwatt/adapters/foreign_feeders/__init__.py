"""Feeders of other tools, converted: a network of pandapower as JSON, a grid of SimBench by its code."""
