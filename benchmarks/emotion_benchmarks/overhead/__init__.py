"""Request overhead: the time that client and Triton add to the model's own."""
