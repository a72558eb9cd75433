"""From "host:port" to what gRPC connects to."""

import pytest
from emotion_client.addresses import Address, is_literal, list_addresses, split_url


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("triton:8001", "triton", 8001), ("10.0.0.3:1", "10.0.0.3", 1), ("[::1]:8001", "::1", 8001)],
)
def test_split_url_gives_host_without_brackets_and_port(url, host, port):
    assert split_url(url) == (host, port)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("127.0.0.1:1", True), ("[fe80::1]:1", True), ("localhost:1", False), ("127.0.0:1", False)],
)
def test_is_literal_tells_addresses_from_names(url, expected):
    assert is_literal(url) is expected


def test_list_addresses_of_a_name_has_each_ip_once_and_the_name_as_authority():
    found = list_addresses("triton:8001", ips=["10.0.0.3", "::1", "10.0.0.3"])
    assert found == [
        Address("triton:8001", "ipv4:10.0.0.3:8001", "triton"),
        Address("triton:8001", "ipv6:[::1]:8001", "triton"),
    ]
    assert str(found[1]) == "triton:8001 at [::1]:8001"


def test_list_addresses_of_a_literal_is_shown_as_it_was_written():
    (found,) = list_addresses("[::1]:8001", ips=["::1"])
    assert (found.target, found.authority, str(found)) == ("ipv6:[::1]:8001", None, "[::1]:8001")
