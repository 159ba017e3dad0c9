"""What is measured: `subject` is the shape, `centrifuge`, `floors` and `peers` are the subjects."""
