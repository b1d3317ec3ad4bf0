"""Reading photographs: opening them, finding faces, a reader."""
