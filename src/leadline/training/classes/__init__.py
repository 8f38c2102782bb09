"""Training of generators of classes, and of classifiers that judge them."""
