"""Load tests: what a server holds, measured by Locust.

texts, arrivals, users, session   the load
samples, watch, measurements      what was measured
figure, targets, verdict          whether it is enough
report, plots                     how it is shown
capacity, capacity_report         the highest rate that a server holds
options, locust_run               inside Locust: its options, a run from start to verdict
locust_process, server            outside Locust: how it is started, and what it measures
"""
