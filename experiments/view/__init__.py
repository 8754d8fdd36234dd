"""`rlc view`: a local page to look through runs, to give human verdicts, and to try a router's price."""
