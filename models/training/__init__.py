"""Training of the lab's networks, as resumable work."""
