"""The book: every derivation, printed as one document with the evidence of each line beside it."""
