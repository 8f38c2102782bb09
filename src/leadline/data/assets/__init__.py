"""Free models and skies of other people's packages, where they are installed: for rendered worlds."""
