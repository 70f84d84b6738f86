"""Digital certificates and UKeys: whom we believe (``trust``), what a signature proves (``proof``), whose it is.

Law: a certificate counts only by a path to an authority that the operator pinned, and by a list of revoked ones that is
fresh; a name on it opens nothing. No private keys are here but the demonstration's own (``softkeys``, ``agent``).
"""
