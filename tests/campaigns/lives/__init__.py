"""Nothing is lost and nothing is repeated, whatever fails: random histories of the whole reporter, judged at their end.

The package is the real one and so is the DynamoDB engine. EC2, SNS, the stream and the clocks are models that fail on
command; between them and the package stands an ``Edge`` that refuses, forgets answers and kills.
"""
