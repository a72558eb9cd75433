"""Reads labelled texts, prepares a checkpoint, trains one, and evaluates it.

data        labelled texts; readers.py reads them from CSV, TSV, JSONL and Parquet
jsonl_file  writes JSONL
goemotions  converts GoEmotions to labelled texts
poems       joins labels to a collection of old poems
checkpoint  prepares the served checkpoint from a model or an adapter
training    trains an adapter or a whole model, and calibrates it
evaluation  measures a model in this process or on a server
quiet       silences transformers
errors      every refusal; wording.py has words of their messages
"""
