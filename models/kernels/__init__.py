"""Compiled with numba, which takes a moment to import: nothing here may be imported before it is needed."""
