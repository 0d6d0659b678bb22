package wstransport

import "net"

// innermost returns the connection below TLS.
func innermost(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn()
	}
	return conn
}
