"""Frameworks: one folder each, and the only place where one is imported."""
