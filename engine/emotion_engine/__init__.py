"""The Triton-free core: from rows of token ids to label probabilities.

attention      attention over packed rows
checkpoint     a prepared checkpoint folder, read without torch
checksums      whether its files are as they were prepared
classifier     loads a checkpoint and predicts, within a token budget
dtype          bfloat16 or float32
encoder        the model: packed, padded, or in C++
errors         what the engine raises
graphs         CUDA graphs
heads          classification heads, separate from their base models
instructions   the libraries in C++, one for each instruction set
layout         where an architecture keeps its weights, for C++
native         the encoder in C++ (engine/native)
packing        rows laid end to end in one token stream
padding        what to pad with, and whether that is harmless
processor      what the CPU can do, and how many cores are ours
request        checks what a caller sent
settings       the parameters of config.pbtxt
torch_encoder  the encoders in torch

Nothing here knows Triton, gRPC or text.
"""
