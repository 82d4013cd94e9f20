"""How far a network keeps its class: certified balls, and bounds on every change that reaches a goal."""
