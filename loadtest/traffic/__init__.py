"""How the load is made: texts, users, arrivals, shapes, and what each call was."""
