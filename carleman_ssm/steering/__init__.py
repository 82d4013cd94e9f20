"""Which input does what is wanted: derivatives, smallest edits, certified radii, edited rings, designed layers."""
