"""The engine without Triton: its rate, its share of the machine's peak, where the time goes."""
