"""What a physiologist asks of a trained network: one question a file."""
