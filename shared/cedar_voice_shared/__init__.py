"""Code that service, bridge and SDK share, each module for itself: importing one needs no other."""
