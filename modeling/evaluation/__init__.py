"""How well a model reads: metrics, report, plots, intervals."""
