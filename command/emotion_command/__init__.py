"""What all commands share. Nothing here knows what a particular command does.

checkout     paths in this repository
errors       Refusal: the work cannot be done as requested
numbers      argparse types for numbers
output       lines on standard output and standard error
output_file  argparse type for a file to write
progress     a progress bar
runner       runs a command; turns errors and signals into exit codes
signals      Ctrl-C and SIGTERM
terminal     text fitted to a terminal
"""
