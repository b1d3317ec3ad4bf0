"""Light on surfaces: the shared model, a Numba kernel for the CPU, a torch reference for cards."""
