"""Proofs: the derivations of the house, run, checked, and challenged with planted errors."""
