"""The dialect of the package cedar-os: one recording up, one answer down."""
