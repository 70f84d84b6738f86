"""Electronic business licences: what a platform asserts of one, and the ticket on our page that such an assertion answers.

Law: who comes in is read from the platform's signature alone, never from a field of a form; a ticket takes one assertion,
from the browser's own ticket to one session, by conditional UPDATEs (``challenges``). No room here opens the network.
"""
