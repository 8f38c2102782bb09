"""Closed-loop simulation: worlds of simple bodies, rays, robots, sensors and flights, many at once."""
