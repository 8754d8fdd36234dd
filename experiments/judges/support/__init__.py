"""What judges share: how they are named and stored, and a second opinion on a stored run."""
