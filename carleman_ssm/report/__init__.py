"""Faces: the terminal, figures, LaTeX pages, the command line."""
