// Package sioparser takes the place of the library's parser of Socket.IO packets. Its
// decoder says exactly what the library's says, for a fraction of the time: it reads
// a packet where it lies, and builds its values from the tokens of jsonscan instead
// of with encoding/json. Its encoder writes what the library's writes, in one pass,
// and leaves values as they are: see siovalue.
package sioparser
