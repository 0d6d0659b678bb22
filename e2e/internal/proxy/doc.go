// Package proxy stands between two nodes of an end-to-end test, as the network does: one
// proxy for TCP and one for UDP. They carry what they get later than they got it, and break
// what goes through them when they are told to.
package proxy
