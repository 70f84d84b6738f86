"""Pages of the demonstration only: a phone that shows text messages, one with a business licence, specimens."""
