"""The skin model that ships: these files travel with its weights."""
