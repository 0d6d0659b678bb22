package archtest

import "regexp"

// word is one that must not be used in Go code, and why. Words of identifiers count
// (laneOf has "lane" and "of"), and those of comments.
type word struct {
	banned string
	say    string // instead
}

// words each had a second name in this code once. One word has one meaning: what the
// glossary of docs calls a stream is not called a lane elsewhere.
var words = []word{
	{banned: "lane", say: "stream"},
	{banned: "lanes", say: "streams"},
	{banned: "laner", say: "MultiStream"},
	{banned: "outbox", say: "queue"},
	{banned: "lobby", say: "pending connections"},
	{banned: "herald", say: "announcer"},
	{banned: "heedful", say: "what the transport does"},
	{banned: "mailbox", say: "serial queue"},
	{banned: "parcel", say: "item"},
	{banned: "conveyor", say: "serial queue"},
	{banned: "ledger", say: "sequence check"},
	{banned: "crew", say: "workers"},
	{banned: "chatter", say: "prober"},
	{banned: "roomy", say: "what it leaves space for: a room is a Socket.IO room"},
}

// phrases are banned in comments: words that are right elsewhere, with another meaning.
var phrases = []struct {
	banned *regexp.Regexp
	say    string
}{
	{regexp.MustCompile(`(?i)\b(has|have|is|be|was|no|with|makes?|making|more|enough) room for\b`), "space for: a room is a Socket.IO room"},
	{regexp.MustCompile(`(?i)\bgives? back the room\b`), "free the space: a room is a Socket.IO room"},
}
