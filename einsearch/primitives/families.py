"""Imports every file of primitives that ships with einsearch, which registers them."""

from einsearch.primitives import (
    activation,
    attention,
    combine,
    conv,
    elementwise,
    linear,
    moments,
    norm,
    pool,
    position,
    routing,
    sources,
)

FAMILIES = (
    activation,
    attention,
    combine,
    conv,
    elementwise,
    linear,
    moments,
    norm,
    pool,
    position,
    routing,
    sources,
)
"""The families, each a module."""
