"""Token windows and the writers of propositions: what several chunkers, or one of them, cut with."""
