"""What several networks share: padding, upsampling, receptive fields."""
