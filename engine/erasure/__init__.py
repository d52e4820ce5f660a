"""Erasure of a person's data (GDPR, article 17): his name becomes a pseudonym, in journals too."""
