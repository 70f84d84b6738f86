"""What each user has chosen for each list: columns, density, and views under a name."""

from __future__ import annotations

from flask_appbuilder import Model
from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column


class ListView(Model):
    """A view of a list that a user saved under a name; under no name, how the list is shown unless a view says otherwise."""

    __tablename__ = "list_view"
    __table_args__ = (UniqueConstraint("account_id", "screen", "name", name="uq_list_view"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_list_view_account"))
    screen: Mapped[str] = mapped_column(String(60), comment="the endpoint of the list")
    name: Mapped[str] = mapped_column(String(40), comment="empty: the usual layout")
    query: Mapped[str] = mapped_column(String(1000), default="", comment="filter and order, as in the address")
    columns: Mapped[str] = mapped_column(String(500), default="", comment="between commas; empty: all")
    dense: Mapped[bool] = mapped_column(default=False)
