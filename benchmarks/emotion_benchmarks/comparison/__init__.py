"""The served model on other servers, compared with ours. The servers are in benchmarks/peers."""
