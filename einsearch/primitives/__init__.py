"""Primitives: the fundamental operations of the grammar language.

`base` is the contract, `arguments` the schema, `program` how calls are put together, `causality`
whether these keep the order of tokens; every other file is one family, and `kernels` holds the
PyTorch code that torch itself lacks.
"""
