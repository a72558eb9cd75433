"""What starts and stops Triton."""
