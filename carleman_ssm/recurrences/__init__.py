"""Recurrences that are affine in their state: exact types, their lift and collapse, and the families' statements."""
