"""The RecGaze recording (carousels of movie posters) becomes a study."""
