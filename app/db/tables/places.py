"""Administrative regions."""

from __future__ import annotations

from flask_appbuilder import Model
from sqlalchemy import String, false
from sqlalchemy.orm import Mapped, mapped_column


class Region(Model):
    """An administrative division (GB/T 2260). Six digits; ``430100`` lies within ``430000``."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    own_name: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="named by the administrator; 'anguan init' leaves the name"
    )

    def __repr__(self) -> str:
        return self.name
