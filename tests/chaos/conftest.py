from tests.end_to_end.conftest import hub_apart

__all__ = ["hub_apart"]
