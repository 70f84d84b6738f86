"""Batches of decisions as records: ``planning`` says what would happen, ``records`` keeps, ``running`` carries out.

A batch is planned with the ids that its filter finds at that moment, shown, and then confirmed. It is carried out in
portions, each in one transaction with the results of its rows, in the request or by a job; after an interruption the rows
that have no result are carried out. Locks: the batch first, then as ``workflow.carry_out``.
"""
