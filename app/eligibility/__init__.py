"""Facts of cases, loaded in a fixed number of queries, and the rules over them, which are pure functions."""
