"""Jobs, text messages and public notices, written in the transaction that causes them."""
