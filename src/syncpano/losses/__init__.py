"""Perceptual losses between images: LPIPS, Gatys style, and the pocket model's own."""
