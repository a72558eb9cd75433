"""Measurements for developers: client, engine, request overhead, and other servers."""
