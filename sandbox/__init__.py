"""Stands for Telegram and the mail server on one computer: a Bot API server, a mail sink and a chat page."""
