"""Aggregation rules, one paper a file."""
