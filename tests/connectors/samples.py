"""A small product of our own, for what GitHub's connector does not use."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8"/></svg>'


def tool(name: str, **members: Any) -> dict[str, Any]:
    made = {
        "name": name,
        "title": name.replace("_", " "),
        "description": f"Does what {name} says, for a test.",
        "hints": {"read_only": True},
        "request": {"method": "GET", "path": f"/{name}"},
        "result": "raw",
        "examples": [{"args": {}, "fixture": "any.json"}],
    }
    found = {**made, **members}
    if "steps" in members:
        del found["request"]
    return found


def paged(name: str, pagination: dict[str, Any], **members: Any) -> dict[str, Any]:
    return tool(name, paginate=True, pagination=pagination, **members)


SHOP: dict[str, Any] = {
    "connector": "v1",
    "id": "shop",
    "title": "Shop",
    "description": "A shop that exists in tests only, and has everything.",
    "docs": "https://shop.example/docs",
    "icon": "icon.svg",
    "variables": {
        "base_url": {"help": "Where it is", "pattern": "https?://[a-z0-9.:-]+(/v1)?", "default": "https://shop.example"}
    },
    "auth": [
        {
            "id": "token",
            "title": "Token",
            "fields": {"token": {"help": "A token"}},
            "headers": {"Authorization": "Bearer {token}"},
        },
        {
            "id": "basic",
            "title": "User and password",
            "fields": {"user": {"help": "A user", "secret": False}, "token": {"help": "A password"}},
            "basic": ["user", "token"],
        },
    ],
    "http": {"base_url": "{base_url}", "allow_hosts": ["shop.example", "127.0.0.1"], "headers": {"Accept": "*/*"}},
    "errors": {"message": "error", "success_when": "body.ok != `false`"},
    "tools": [
        tool(
            "get_thing",
            request={"method": "GET", "path": "/things/{id}"},
            params={
                "id": {"type": "string", "in": "path", "required": True},
                "trace": {"type": "string", "in": "header", "to": "X-Trace"},
                "q": {"type": "string", "in": "query"},
                "many": {"type": "array", "items": "integer", "in": "query"},
                "since": {"type": "string", "in": "query", "transform": "iso_to_epoch"},
            },
            examples=[{"args": {"id": "1"}, "fixture": "any.json"}],
        ),
        tool(
            "send_form",
            hints={"read_only": False},
            request={"method": "POST", "path": "/form", "body": "form"},
            params={"text": {"type": "string", "in": "body"}, "on": {"type": "boolean", "in": "body"}},
        ),
        tool(
            "send_deep",
            hints={"read_only": False},
            request={"method": "POST", "path": "/deep", "body": "json"},
            params={
                "summary": {"type": "string", "in": "body", "to": "fields.summary"},
                "more": {"type": "object", "in": "body", "to": "fields.more"},
            },
        ),
        paged("list_by_page", {"style": "page", "size_param": "size", "position_params": ["page"], "default": 2}),
        paged("list_by_offset", {"style": "offset", "size_param": "size", "position_params": ["at"], "default": 2}),
        paged(
            "list_by_cursor",
            {
                "style": "cursor",
                "size_param": "size",
                "position_params": ["cursor"],
                "next_cursor": "next",
                "rows": "items",
                "default": 2,
            },
            result="{rows: items, total: total}",
        ),
        tool(
            "get_both",
            steps=[
                {"id": "one", "request": {"method": "GET", "path": "/one"}},
                {
                    "id": "two",
                    "request": {"method": "GET", "path": "/two/{found}"},
                    "bind": {"found": "one.id"},
                    "retry_on": {"status": 202, "times": 2, "delay": 0},
                    "absent_on": [202],
                },
            ],
            params={"found": {"type": "string", "in": "path", "internal": True}},
            result="{one: one.name, two: two.name}",
        ),
    ],
}


def shop() -> dict[str, Any]:
    return copy.deepcopy(SHOP)


def written(folder: Path, made: dict[str, Any] | str) -> Path:
    """The folder of a connector, with its icon and a fixture."""
    place = folder / "shop"
    (place / "fixtures").mkdir(parents=True, exist_ok=True)
    (place / "icon.svg").write_text(ICON, encoding="utf-8")
    (place / "fixtures" / "any.json").write_text("{}", encoding="utf-8")
    text = made if isinstance(made, str) else yaml.safe_dump(made, sort_keys=False)
    (place / "connector.yaml").write_text(text, encoding="utf-8")
    return place
