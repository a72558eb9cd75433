"""The Triton-free core: from rows of token ids to label probabilities.

`checkpoint` reads a prepared checkpoint folder, `request` validates what a caller sent, `packing`
lays rows end to end, `attention` keeps them apart, `heads` splits a transformers model into base
and classification head, `classifier` puts these together, `settings` holds the tunables and
`errors` everything that may be raised. Nothing here knows Triton, gRPC or text.
"""
