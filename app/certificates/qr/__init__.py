"""The QR code of a certificate: payload, symbol, reader, status list, offline check."""
