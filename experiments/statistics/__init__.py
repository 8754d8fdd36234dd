"""Statistics: intervals, paired differences, resampling by cluster, and the ceiling of a perfect choice."""
