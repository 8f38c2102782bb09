"""Methods that train stereo networks."""
