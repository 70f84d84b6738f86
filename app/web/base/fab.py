"""Flask-AppBuilder's base classes and decorators with types, which FAB itself does not bring."""

# mypy: allow-subclassing-any

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import flask_appbuilder
from flask import make_response
from flask_appbuilder.models import filters
from flask_appbuilder.security import decorators, views
from werkzeug.wrappers import Response

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class _Rendering:
    render_template: Callable[..., str]

    def rendered(self, template: str, /, status: int = 200, **context: Any) -> Response:
        """A page as the answer to the request."""
        return make_response(self.render_template(template, **context), status)


class BaseView(_Rendering, flask_appbuilder.BaseView):
    pass


class ModelView(_Rendering, flask_appbuilder.ModelView):
    pass


class AuthDBView(_Rendering, views.AuthDBView):
    pass


class BaseFilter(filters.BaseFilter):
    pass


def expose(path: str = "/", methods: Sequence[str] = ("GET",)) -> Callable[[Endpoint], Endpoint]:
    """A route that asks for no permission of its own."""
    return cast("Callable[[Endpoint], Endpoint]", flask_appbuilder.expose(path, methods=methods))


def has_access(endpoint: Endpoint) -> Endpoint:
    """Requires the permission named after the method, unless ``permission_name`` (below it) names another."""
    return cast("Endpoint", decorators.has_access(endpoint))


def permission_name(name: str) -> Callable[[Endpoint], Endpoint]:
    return cast("Callable[[Endpoint], Endpoint]", decorators.permission_name(name))


def route(path: str, *methods: str) -> Callable[[Endpoint], Endpoint]:
    """``expose`` (GET, unless methods are named) together with ``has_access``."""
    return lambda endpoint: expose(path, methods or ("GET",))(has_access(endpoint))


def no_cache(endpoint: Callable[..., Response | str]) -> Callable[..., Response]:
    return cast("Callable[..., Response]", decorators.no_cache(endpoint))
