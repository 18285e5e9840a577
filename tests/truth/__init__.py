"""The reconciler: what the ledger says, compared with what the scripted upstream really saw."""
