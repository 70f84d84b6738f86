"""Views of officers: queues, the page of a case, deadlines."""
