"""Whether a case may go on: facts loaded in a fixed number of queries, and pure rules over them."""
