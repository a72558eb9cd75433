"""What `loadtest/compare.py` is made of. The servers it compares with live in loadtest/peers."""
