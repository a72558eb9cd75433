"""Runs Triton behind a door, and replaces what dies.

address        where a server listens
admin_calls    the key of Triton's administrative calls
counters       Triton's counters
door           the process in front of Triton: checks requests, lets them wait or refuses them
door_process   starts and stops it
environment    the environment variables of a server process, such as how long threads spin
errors         StartError
probe          asks every model for a real answer
processes      children, life and processor time of a process
pulse          tells a model that hangs from a busy one
service        Triton and its door together; starts again what dies or hangs
triton_binary  finds tritonserver
triton_server  starts and stops it
"""
