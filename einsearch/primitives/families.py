"""Imports every file of primitives that ships with einsearch, which registers them."""
