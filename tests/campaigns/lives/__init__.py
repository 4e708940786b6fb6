"""Random histories of the whole reporter, judged at their end.

Nothing may be lost, and nothing repeated.

The package is the real one. EC2, DynamoDB, SNS, the stream and the clocks are the fakes of the tests. Between them and
the package stands an ``Edge`` that refuses requests, loses answers and kills processes.
"""
