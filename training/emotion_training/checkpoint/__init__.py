"""Makes the folder that Triton serves from a trained classifier.

prepare       the whole way, from a model's name to the folder in its place
source_model  loads a model with transformers; adapter.py merges an adapter into its base
base_model    finds the default base
source_checks what a model must have to be served
max_length    how many tokens of a text are read
writing       writes a checkpoint folder
comparison    compares what was written with its source
"""
