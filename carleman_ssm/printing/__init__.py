"""Printing: expressions and statements as TeX, as Typst, and as PDF, on lines that fit a page."""
