"""Models of the AWS behaviour that no local stack offers, each rule with the page it comes from."""
