"""Side-by-side measurements: ``python -m benchmarks`` prints a table and writes JSON; never a timed test."""
