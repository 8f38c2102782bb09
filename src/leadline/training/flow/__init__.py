"""Training of optical-flow networks."""
