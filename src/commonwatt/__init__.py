"""Commonwatt: a neighbourhood trades its own electricity and proves that the settlement is right."""

__version__ = "0.1.0"
