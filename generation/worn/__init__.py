"""What a head wears: hair, beard, headwear, clothes."""
