"""Rings of trained layers in floating point: their waves, their oscillators."""
