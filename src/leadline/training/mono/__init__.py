"""Methods that train networks for single images."""
