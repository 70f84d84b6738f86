"""What is owed to others and written in the transaction that owes it: jobs, text messages, public notices."""
