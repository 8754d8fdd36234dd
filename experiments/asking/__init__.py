"""Questions made from documents: drawn passages, asked by rule or by a model, checked, and written for `rlc compare`."""

KINDS = ("location", "reasoning", "comparison", "unanswerable")
