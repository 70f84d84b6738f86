"""One element of DER, written by hand where parts that were encoded before are put together.

Law: lengths are definite and as short as they can be.
"""


def tlv(tag: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body
