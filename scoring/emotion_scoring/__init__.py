"""Scores millions of texts: files in, the same rows with labels and probabilities out.

The work is divided into parts, consecutive rows of one file. Each is written as a whole, so what is
stopped at any moment goes on where it was; it is read, scored and written in pieces, so memory does
not depend on its size.

job            scores files: the parts that are not written yet
plan           what was asked for, kept in the output folder; output_folder has the finished parts
worklist       the parts to do, piece by piece; inputs has the files that arguments mean
sources        reads a file of any format
parquet_source, csv_source, jsonl_source    the formats that are read
part_writer    writes parts; writers has the formats, columns what is added to the rows
scorer         what gives texts their scores; opening has the choice of one of
batch_scorer   what Ray Data and Spark call; these two are such:
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
