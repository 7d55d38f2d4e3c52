"""Imports every file of primitives that ships with einsearch, which registers them."""

from einsearch.primitives import (  # noqa: F401
    activation,
    attention,
    combine,
    conv,
    elementwise,
    embed,
    experts,
    kan,
    linear,
    linear_attention,
    moments,
    norm,
    pool,
    position,
    routing,
    s4d,
    scan,
    sources,
    sparse,
    ssd,
)
