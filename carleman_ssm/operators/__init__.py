"""The forward pass of a trained network as one operator: decoders, kernels, derivatives, certificates."""
