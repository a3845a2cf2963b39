"""The web's door: health, figures, and the links in mails."""
