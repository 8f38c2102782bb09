"""Networks, trainable in torch."""
