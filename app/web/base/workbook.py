"""Sends a workbook as a download."""

from io import BytesIO

from flask import send_file
from werkzeug.wrappers import Response

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def send_workbook(data: bytes, name: str) -> Response:
    return send_file(BytesIO(data), XLSX, as_attachment=True, download_name=f"{name}.xlsx")
