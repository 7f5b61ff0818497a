"""Reports -> text: for people, for other programs, and for what shows them beside the code. One file a format."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from modelpack.findings import Report

__all__ = ["Format", "render"]


class Format(StrEnum):
    """What `check` can print."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"


def render(reports: Sequence[Report], form: Format, *, colour: bool = False, quiet: bool = False) -> str:
    """`reports` as `form`; `colour` and `quiet` are about text alone. Each format is imported when it is wanted."""
    match form:
        case Format.TEXT:
            from modelpack.outputs import text

            return text.render(reports, colour=colour, quiet=quiet)
        case Format.JSON:
            from modelpack.outputs.documents import render as form_of
        case Format.SARIF:
            from modelpack.outputs.sarif import render as form_of
        case Format.GITHUB:
            from modelpack.outputs.github import render as form_of
        case Format.GITLAB:
            from modelpack.outputs.gitlab import render as form_of
        case Format.JUNIT:
            from modelpack.outputs.junit import render as form_of
    return form_of(reports)
