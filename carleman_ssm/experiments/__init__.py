"""Experiments that measure what waves and interactions are needed for."""
