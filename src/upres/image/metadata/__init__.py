"""What travels beside the pixels: EXIF, XMP, IPTC, TIFF's tags."""
