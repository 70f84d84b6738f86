"""Where officers decide: queues, the page of a case, deadlines."""
