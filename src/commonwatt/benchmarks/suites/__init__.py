"""The suites: one file each; a new one is a new file."""
