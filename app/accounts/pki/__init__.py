"""Sign-in by certificate and UKey: pinned authorities (``trust``), signatures (``verify``), accounts (``bindings``).

A certificate counts only with a path to a pinned authority and a current revocation list. The only private keys are those
of the demonstration (``demo_keys``, ``demo_agent``).
"""
