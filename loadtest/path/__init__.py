"""What `loadtest/request_path.py` is made of."""
