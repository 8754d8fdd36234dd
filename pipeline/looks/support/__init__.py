"""What ways of looking share: turning by places, choosing among keys, and the attention function of a model."""
