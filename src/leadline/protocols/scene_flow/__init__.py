"""Scene flow: pairs with truth at two times, the pixels that are scored, and the protocol."""
