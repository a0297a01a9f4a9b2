"""Importing: meter data in other layouts become profiles in ours; what was understood, guessed and mended is said."""
