"""Statistics: months are counted in the background (``counting``) and summed up for whoever asks (``summary``).

Decision 0036 says why counts of months are stored. They hold no personal data but the ids of officers' accounts.
"""
