"""Each kind of sheet that can be brought in, behind one interface (``importer``); ``sheet_imports`` runs them all."""
