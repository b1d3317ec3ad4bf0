"""The head: its neutral shape (bust), what moves it (motion, rig), lids, lips, wrinkles; FLAME beside it."""
