"""The neck of the hourglass: statements, and what prints, proves and computes them."""
