"""Ways in: one module per method; each ends in a ``Proof``, and ``admit`` does the rest.

Law: who somebody is, is proved here; what they may do is declared in ``roles`` and refused in the domain.
"""
