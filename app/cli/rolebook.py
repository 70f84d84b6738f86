"""docs/ROLES.md: who may open what, as the operators read it; written from ``login.roles`` and never by hand."""

import argparse
from pathlib import Path
from typing import Any

from flask_babel import force_locale

from app import create_app
from app.cli.house import settings_in_use
from app.login.roles import ANONYMOUS, MENU, PERMISSIONS
from app.vocabulary import Role

BOOK = Path("docs/ROLES.md")
HEAD = """# 角色与权限 · Roles and doors

由 `anguan roles --write` 按 `app/login/roles.py` 生成，请勿手改。
打开页面只是第一道门：看到哪些记录、能办什么，由地区、企业和办理环节再行限制。
Written by `anguan roles --write` from `app/login/roles.py`; do not edit.
Opening a page is the first lock only: which rows it shows and what may be done to them is asked again, by region,
enterprise and stage.
"""


def write_rolebook(chosen: argparse.Namespace) -> None:
    app = create_app(settings_in_use())
    with app.app_context():
        text = rolebook(app.extensions["appbuilder"])
    if chosen.write:
        BOOK.write_text(text)
    else:
        print(text)


def rolebook(appbuilder: Any) -> str:
    """The whole table, in the order of the declaration."""
    names: dict[str, Any] = {}
    for view in appbuilder.baseviews:
        names.setdefault(view.class_permission_name, getattr(view, "list_title", "") or "")
    for item in _items(appbuilder.menu.get_list()):
        names[item.name] = item.label
    with force_locale("zh"):
        heads = [f"{role} `{role.value}`" for role in Role]
        chinese = {name: str(label) for name, label in names.items()}
    lines = [HEAD, f"| 页面 · door | 操作 · what | {' | '.join(heads)} |", "|---|---|" + ":-:|" * len(Role)]
    for view, grants in PERMISSIONS.items():
        for permission, holders in grants.items():
            deed = "菜单 menu" if permission == MENU else f"`{permission.removeprefix('can_')}`"
            marks = " | ".join("●" if role in holders else "" for role in Role)
            lines.append(f"| {chinese.get(view, '')} {view} | {deed} | {marks} |")
    lines += ["", "## 无需登录 · Open to everybody", "", "| 入口 · door | 理由 · reason |", "|---|---|"]
    lines += [f"| `{endpoint}` | {reason} |" for endpoint, reason in ANONYMOUS.items()]
    return "\n".join(lines) + "\n"


def _items(items: Any) -> list[Any]:
    return [one for item in items if item.name != "-" for one in (item, *_items(item.childs))]
