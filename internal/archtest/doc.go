// Package archtest holds the rules of who may import whom, and the test that
// checks them. They keep the seams real: whoever writes a transport, a codec or
// a discovery needs package core and nothing else of the house. Tests may import more:
// those of the node run whole clusters.
//
// Further tests look for words with a second meaning, and compare the maps in the
// documents with what is there.
package archtest
