"""Measures models on workloads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.dtype import choose_dtype
from emotion_engine.encoder import load_encoder
from emotion_engine.native import NativeEncoder
from emotion_engine.processor import choose_num_threads
from emotion_engine.settings import EngineSettings
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification

from emotion_benchmarks.engine.operators import split, split_native
from emotion_benchmarks.engine.result import LengthCost, Measurement
from emotion_benchmarks.engine.shape import RANDOM_MODELS, Shape, build_config, read_shape
from emotion_benchmarks.engine.stopwatch import Stopwatch
from emotion_benchmarks.engine.workload import Workload, build_lengths, build_workloads

DEFAULT = "default"
MODELS = (DEFAULT, *RANDOM_MODELS)


@dataclass(frozen=True)
class Bench:
    """Measures models on one device, with the same settings.

    Attributes:
        checkpoint: folder of the default model, whose tokenizer and labels the others have too.
        settings: of the engine.
        stopwatch: which also names the device.
        report: gets a line for each measurement.
    """

    checkpoint: Path
    settings: EngineSettings
    stopwatch: Stopwatch
    report: Callable[[str], None]

    def __post_init__(self) -> None:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # hides the profiler's own lines
        torch.set_num_threads(self.num_threads)

    @property
    def num_threads(self) -> int:
        """CPU threads of a forward pass."""
        return choose_num_threads(self.settings.num_threads)

    @property
    def dtype(self) -> str:
        """What the models compute in."""
        return choose_dtype(
            self.settings.dtype, device=str(self.stopwatch.device), encoder=self.settings.encoder
        )

    def describe(self) -> str:
        """Returns device, dtype and threads."""
        return f"{self.stopwatch.device}, {self.dtype}, {self.num_threads} threads"

    def measure(self, names: Sequence[str]) -> list[Measurement]:
        """Measures models of `MODELS` on one workload after another.

        Raises:
            CheckpointError: there is no prepared checkpoint.
            SettingsError: it cannot be served with these settings.
        """
        measurements = []
        for name in names:
            config, classifier = self._load(name)
            for workload in build_workloads(max_length=classifier.checkpoint.max_length):
                shape = read_shape(config)
                one = self._measure(name, classifier, shape=shape, workload=workload)
                self.report(str(one))
                measurements.append(one)
        return measurements

    def measure_lengths(self, names: Sequence[str]) -> list[LengthCost]:
        """Measures models of `MODELS` on equal rows, one length after another.

        Raises:
            CheckpointError: there is no prepared checkpoint.
            SettingsError: it cannot be served with these settings.
        """
        costs = []
        for name in names:
            _, classifier = self._load(name)
            for workload in build_lengths(max_length=classifier.checkpoint.max_length):
                rows = workload.make_rows(vocab_size=classifier.checkpoint.vocab_size)
                cost = LengthCost(name, len(rows[0]), self._time(classifier, rows))
                self.report(str(cost))
                costs.append(cost)
        return costs

    def _measure(
        self, name: str, classifier: Classifier, *, shape: Shape, workload: Workload
    ) -> Measurement:
        rows = workload.make_rows(vocab_size=classifier.checkpoint.vocab_size)
        num_tokens = min(sum(workload.row_lens), classifier.max_batch_tokens)
        dtype = getattr(torch, self.dtype)
        peak = self.stopwatch.measure_peak(shape, num_tokens=num_tokens, dtype=dtype)
        seconds = self._time(classifier, rows)
        return Measurement(
            model=name,
            workload=workload.name,
            num_rows=len(rows),
            seconds=seconds,
            flops_per_s=shape.count_flops(workload.row_lens) / seconds,
            peak_flops_per_s=peak,
            operators=self._find_operators(classifier, rows),
        )

    def _load(self, name: str) -> tuple[Any, Classifier]:
        if name == DEFAULT:
            checkpoint = read_checkpoint(self.checkpoint)
            config = AutoConfig.from_pretrained(self.checkpoint, local_files_only=True)
            device = str(self.stopwatch.device)
            classifier = Classifier.load(checkpoint, settings=self.settings, device=device)
        else:
            config = build_config(name)
            classifier = self._build_random(config)
        classifier.warm_up()
        return config, classifier

    def _build_random(self, config: Any) -> Classifier:
        model = AutoModelForSequenceClassification.from_config(config).eval()
        with TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            encoder = load_encoder(
                Path(folder),
                device=str(self.stopwatch.device),
                dtype=self.dtype,
                wanted=self.settings.encoder,
                num_threads=self.num_threads,
                max_length=config.max_position_embeddings,
                has_graphs=self.settings.cuda_graphs == "on",
            )
        checkpoint = replace(
            read_checkpoint(self.checkpoint),
            vocab_size=config.vocab_size,
            max_length=config.max_position_embeddings,
        )
        return Classifier(
            checkpoint, encoder=encoder, max_batch_tokens=encoder.default_batch_tokens
        )

    def _time(self, classifier: Classifier, rows: list[NDArray[np.int64]]) -> float:
        return self.stopwatch.measure(lambda: classifier.predict(rows))

    def _find_operators(
        self, classifier: Classifier, rows: list[NDArray[np.int64]]
    ) -> dict[str, float]:
        if isinstance(classifier.encoder, NativeEncoder):
            return split_native(
                lambda: classifier.predict(rows),
                encoder=classifier.encoder,
                num_threads=self.num_threads,
            )
        return split(lambda: classifier.predict(rows), device=self.stopwatch.device)
