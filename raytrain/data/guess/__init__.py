"""The roles of files in an unknown competition: images, masks, tables, splits and groups."""
