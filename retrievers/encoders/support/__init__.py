"""Windows of texts too long for an encoder, and the probe for the faster number format."""
