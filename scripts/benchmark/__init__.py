"""What measures the engine: shapes, workloads, the peak of the machine, figures."""
