"""The prosody-centric SFT corpus of section 3.2: questions about single attributes, and comparative sequences."""
