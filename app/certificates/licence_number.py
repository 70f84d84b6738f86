"""证照标识: the national identifier of one version of an e-certificate (GB/T 36904-2018).

The serial stays the same for life; the version number counts up.
"""

from datetime import date

ROOT = "1.2.156.3005.2"
TYPE = "11100000000013338W011"  # 建筑施工企业安全生产管理人员考核合格证书
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def identifier(issuer_code: str, first_issued_on: date, certificate_id: int, version: int) -> str:
    """``1.2.156.3005.2.11100000000013338W011.11430000006122244L.20260000123.001.X``.

    The serial is the year and our own id, not the printed sequence: that one is counted anew for each category.
    """
    serial = f"{first_issued_on.year}{certificate_id:07d}"
    return with_check_character(f"{TYPE}.{issuer_code}.{serial}.{version:03d}")


def with_check_character(parts: str) -> str:
    """Type, issuer, serial and version with the root before them and the check character behind."""
    return f"{ROOT}.{parts}.{check_character(parts.replace('.', ''))}"


def check_character(text: str) -> str:
    """ISO 7064 MOD 37,36, over figures and capital letters."""
    rest = 36
    for character in text:
        rest = (rest + _VALUES[character]) % 36 or 36
        rest = rest * 2 % 37
    return _ALPHABET[(37 - rest) % 36]
