"""Sign-in with the electronic business licence: the platform's signed assertions, and the tickets they answer.

The identity is read from the platform's signature alone. Nothing here opens a network connection.
"""
