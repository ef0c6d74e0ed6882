"""Our HTTP path against an echo and other servers."""
