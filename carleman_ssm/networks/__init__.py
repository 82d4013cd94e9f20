"""Trained networks: real parameters, real sequences, floating point."""
