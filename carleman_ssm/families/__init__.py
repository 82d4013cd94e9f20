"""Layers of the modern families of state space models: parameters, float simulation, initialisation, key names."""
