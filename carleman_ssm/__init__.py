"""carleman_ssm: the computation inside a state space network, as one explicit operator.

The table of contents, in dependency order: formulas ← theory ← networks ← report.
"""
