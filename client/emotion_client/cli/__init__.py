"""The command `lyric-emotion`: the client for people and for shell scripts.

main      from arguments to an exit code
options   the command line, and the client that it describes
classify  the emotion of many texts
song      the emotion of a song and its parts
server    what a server serves, and whether it answers
texts     texts from arguments, files and standard input
answers   answers as rows and as JSON
plot      the emotional arc of a song as a picture
"""
