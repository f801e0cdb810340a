"""What a model is worth: recognition, calibration, grounded claims, prosody perception, and the reference probe."""
