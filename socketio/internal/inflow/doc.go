// Package inflow holds clients back that send faster than their handlers can handle: it
// counts the packets that wait for handlers, and tells a transport when to stop reading and
// when to go on. So what a client sends too fast stays in the network, and in the end at
// the client.
package inflow
