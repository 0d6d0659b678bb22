package main

import "slices"

// mutants are all that can be planted.
var mutants = slices.Concat(
	sessionMutants, livenessMutants, boundMutants, secretMutants, interestMutants,
	requestMutants, discoveryMutants, wireMutants, clientMutants,
)
