"""Around the workflow: drafts, attachments, settings, calendar, counts, nightly work, import of the old system."""
