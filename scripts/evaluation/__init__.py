"""What evaluate.py is made of, and what training reports with it."""
