"""Paths -> Reports: which files are meant, what is wrong with each, and what the user's settings make of it."""
