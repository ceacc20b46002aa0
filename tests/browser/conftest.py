"""What page tests share: a browser, and pages that are watched."""

from tests.support.chromium import chromium, visit

__all__ = ["chromium", "visit"]
