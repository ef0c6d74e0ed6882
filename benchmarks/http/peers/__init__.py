"""What our HTTP path is measured against: an echo as the floor, and the same network behind other servers."""
