"""From a plan to a folder of Parquet shards, by workers that may stop at any time."""
