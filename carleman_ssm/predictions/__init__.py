"""What an input will do: logits of whole families of inputs, expectations, and the frequency domain."""
