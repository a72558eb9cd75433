"""The client's rate in texts per second, compared with other ways to ask."""
