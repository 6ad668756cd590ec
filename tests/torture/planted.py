"""A fault behind a magic word, to see that guided search finds what blind search does not."""


def read(content: bytes) -> None:
    """Fall over an input that begins with `drop`; a byte is looked at only when those before it are right."""
    if content[:1] == b"d" and content[1:2] == b"r" and content[2:3] == b"o" and content[3:4] == b"p":
        raise ZeroDivisionError
