"""Measures how often a model is right.

evaluate         the whole way, from labelled texts to the written files
evaluated_model  what an evaluation needs of a model; local_model.py and served_model.py have it
scores           accuracy, F1, loss and calibration of predictions
plots            plots of scores, and of a training
result           what is printed and written; it holds no text
"""
