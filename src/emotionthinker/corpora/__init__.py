"""Corpora: from files, folders and manifests to `Utterance` records with labels of the nine and speaker-disjoint splits."""
