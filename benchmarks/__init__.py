"""Speed as a ratio against a named peer in the same run; absolute times say more of the machine than of the code."""
