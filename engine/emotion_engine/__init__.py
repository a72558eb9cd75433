"""The Triton-free core: from rows of token ids to label probabilities.

attention   attention over packed rows
checkpoint  a prepared checkpoint folder, read without torch
classifier  loads a checkpoint and predicts, within a token budget
dtype       bfloat16 or float32
encoder     the model: packed, padded, or in C++
errors      what the engine raises
heads       classification heads, separate from their base models
native      the encoder in C++ (engine/native)
packing     rows laid end to end in one token stream
request     checks what a caller sent
settings    the parameters of config.pbtxt

Nothing here knows Triton, gRPC or text.
"""
