"""Runs Triton and watches it.

address        where a server listens
admin_calls    the key of Triton's administrative calls
counters       Triton's counters
environment    the environment variables of a server process, such as how long threads spin
errors         StartError
probe          asks every model for a real answer
triton_binary  finds tritonserver
triton_server  starts and stops it
watch          probes it every few seconds until it is dead
"""
