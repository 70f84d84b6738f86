"""The web application: Flask, Flask-AppBuilder and WTForms are used here and nowhere else."""
