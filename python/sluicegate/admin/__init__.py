"""Administration: keys, identities, limits, runs, reports. The API and the command line are two
ways to the one `service`.
"""
