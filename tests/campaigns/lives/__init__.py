"""Random histories of the whole reporter: nothing may be lost or repeated.

The package is the real one. EC2, DynamoDB, SNS, the stream and the clocks are fakes. Between the fakes and the package,
a fault injector refuses requests, loses responses and kills processes.
"""
