// Package procs starts the processes of the end-to-end tests, and asks them to do
// things: a line of JSON is a request {id, op, …}, another one the answer
// {id, ok, result|error}. The first line a process says is that it is ready. What nobody
// tells is waited for with Eventually.
package procs
