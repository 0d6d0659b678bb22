// Package mesh joins Socket.IO servers into one cluster, without a broker: each
// process runs a node, nodes dial each other, and an emit on one server reaches
// the clients of all.
//
//	m, err := mesh.New(mesh.Config{})
//	…
//	options := socket.DefaultServerOptions()
//	err = m.Configure(options)
//	io := socket.NewServer(nil, options)
//	err = m.Start(ctx)
//
// The package puts the parts together: [Config] names a transport, a codec and
// a discovery, [New] finds them among the built-in ones and those it was given,
// and [Module] does the same inside an fx application. The mesh itself lives in
// package core, and so do the interfaces of the parts.
package mesh
