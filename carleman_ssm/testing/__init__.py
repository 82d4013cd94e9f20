"""Testing: Hypothesis strategies with the hard cases, and checks of identities of your own."""
