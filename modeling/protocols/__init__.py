"""Cross-validation protocols on other people's data."""
