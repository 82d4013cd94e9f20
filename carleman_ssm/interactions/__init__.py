"""Which inputs, modes, nodes and orders an operator lets interact, and how much each adds."""
