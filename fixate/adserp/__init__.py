"""The AdSERP recording (search result pages) becomes a study."""
