"""`rlc view`: a local page to look through runs, to judge answers by hand, and to try a router's price."""
