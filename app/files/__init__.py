"""Files that come from outside: stored, inspected, decoded; spreadsheets read and written."""
