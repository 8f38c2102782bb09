"""People and things in 3D: detections with depth become tracks: identity, position and velocity in metres."""
