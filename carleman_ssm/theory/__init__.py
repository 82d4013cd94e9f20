"""The mathematics: one noun per file; reads only formulas."""
