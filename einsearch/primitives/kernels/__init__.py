"""PyTorch code that torch itself lacks.

Each file stands alone on torch and `math`, so that exported source can carry it along.
"""
