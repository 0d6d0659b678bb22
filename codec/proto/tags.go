package proto

// The wire types that the schema uses. A field with another one is skipped, as an
// unknown field.
const (
	varint    = 0
	delimited = 2
)

// The tags of fields: the field's number in meshpb/mesh.proto, and its wire type. All
// of them are one byte long.
const (
	messageKind      = 1<<3 | varint
	messageFrom      = 2<<3 | delimited
	messageNamespace = 3<<3 | delimited
	messageRequestID = 4<<3 | delimited
	messageTo        = 5<<3 | delimited
	messageRooms     = 6<<3 | delimited
	messagePayload   = 7<<3 | delimited
	messageClose     = 8<<3 | varint
	messageBrief     = 9<<3 | varint
	messageCount     = 10<<3 | varint
	messageSockets   = 11<<3 | delimited
	messageTrace     = 12<<3 | delimited

	targetRooms  = 1<<3 | delimited
	targetExcept = 2<<3 | delimited
	targetFlags  = 3<<3 | delimited

	flagsVolatile             = 1<<3 | varint
	flagsCompress             = 2<<3 | varint
	flagsExpectSingleResponse = 3<<3 | varint
	flagsTimeout              = 4<<3 | varint

	payloadText        = 1<<3 | delimited
	payloadAttachments = 2<<3 | delimited

	socketID        = 1<<3 | delimited
	socketRooms     = 2<<3 | delimited
	socketHandshake = 3<<3 | delimited
	socketData      = 4<<3 | delimited
	socketAddress   = 5<<3 | delimited
)
