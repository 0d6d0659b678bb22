// Package baseline is the server with which others are compared: bare gorilla WebSockets
// with a queue for each connection, whose waiting messages are written at once. It
// implements only what the benchmark's clients use of Engine.IO and Socket.IO over
// WebSockets. What a full server costs more is the price of its further features.
package baseline
