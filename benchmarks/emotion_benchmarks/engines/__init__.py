"""The engines alone, without servers: which are compared, how, and what was measured."""
