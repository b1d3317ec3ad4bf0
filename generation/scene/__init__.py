"""Where a face is seen: camera and light, background, sensor."""
