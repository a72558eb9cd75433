"""The command `lyric-emotion`: the client for people and for shell scripts."""
