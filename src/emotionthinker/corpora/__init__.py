"""Corpora: files, folders and manifests to `Utterance` records, labels of the nine, speaker-disjoint splits."""
