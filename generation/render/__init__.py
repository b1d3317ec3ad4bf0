"""From a face and a scene to a picture and its truth."""
