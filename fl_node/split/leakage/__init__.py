"""What a data owner can measure of what the provider could learn, or may be after."""
