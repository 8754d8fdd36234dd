"""What methods of keeping keys and values share: how a text is read under them, and what attention computes."""
