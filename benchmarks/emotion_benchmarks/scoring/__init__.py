"""Bulk scoring compared with the engine alone, on the same texts."""
