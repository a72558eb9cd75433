"""What callers connect to: the process in front of Triton.

http_body  a request over HTTP as one over gRPC, and the answer back
http_port  health, inference, and what Triton says about itself
native     the gRPC port in C++ (`server/native`): checks, queue, restarts of Triton
"""
