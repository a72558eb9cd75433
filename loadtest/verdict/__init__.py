"""What a load test says: figures, targets, pictures, the report. No load is made here."""
