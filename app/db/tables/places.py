"""Administrative regions."""

from __future__ import annotations

from flask_appbuilder import Model
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Region(Model):
    """An administrative division (GB/T 2260). Six digits; ``430100`` lies within ``430000``."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))

    def __repr__(self) -> str:
        return self.name
