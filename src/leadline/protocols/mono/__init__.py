"""Published protocols for depth from single images."""
