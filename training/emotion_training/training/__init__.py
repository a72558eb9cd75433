"""Trains a classifier.

train        the whole way, from the data to the written folder
recipe       what is asked for; options.py reads it from the command line
splits       training, validation and test data without shared texts
network      the network that is trained: a base with a head, in full or with LoRA
trainer      the training loop
mixture      how many texts of each file it learns from
teacher      a bigger model that labels texts; head.py reads its features, cache.py keeps them
distillation what there is to learn if there is a teacher: lessons.py, windows.py of long texts
calibration  temperature scaling
weights      average of several trainings
folder       the finished and the unfinished folder on disk
report       what is printed, and training.json
"""
