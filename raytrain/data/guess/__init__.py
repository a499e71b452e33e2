"""What the files of an unknown competition are: images, masks, tables, splits and groups."""
