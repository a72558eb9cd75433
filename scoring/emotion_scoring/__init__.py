"""Scores millions of texts: files in, the same rows with labels and probabilities out.

The work is divided into parts, consecutive rows of one file. Each is read, scored and written as a
whole, so what is stopped at any moment goes on where it was.

job            scores files: the parts that are not written yet
plan           what was asked for, kept in the output folder; output_folder has the finished parts
inputs         the files that arguments mean; sources.py reads a file part by part
parquet_source, csv_source, jsonl_source    the formats that are read
writers        the formats that are written; columns.py has what is added to the rows
scorer         what gives texts their scores, and the choice of one of
engine_scorer  the engine in this process
server_scorer  running servers
ray_scorer     engines on the nodes of a Ray cluster
scores         the scores of texts
errors         why nothing can be scored

`EngineScorer` and `ServerScorer` are also for `map_batches` of Ray Data and for Spark.
"""

from emotion_scoring.engine_scorer import EngineScorer
from emotion_scoring.server_scorer import ServerScorer

__all__ = ["EngineScorer", "ServerScorer"]
