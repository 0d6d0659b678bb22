// Package mesh joins Socket.IO servers into one cluster, without a broker: each
// process runs a node, nodes dial each other, and an emit on one server reaches
// the clients of all.
//
//	go get github.com/socketmesh/mesh
//
// A server in a mesh, with its peers in a list:
//
//		m, err := mesh.New(mesh.Config{Advertise: "ws://10.0.0.7:4000", Peers: []string{"ws://10.0.0.8:4000"}})
//		…
//		options := socket.DefaultServerOptions()
//		err = m.Configure(options)
//		io := socket.NewServer(nil, options)
//		err = m.Start(ctx)
//		defer m.Shutdown(context.Background())
//		http.Handle("/socket.io/", io.ServeHandler(nil))
//		io.To("room").Emit("hello", "everywhere")
//
//	  - One port for clients and peers: set Listen to [ListenHandler] and mount
//	    [Mesh.Handler] beside Socket.IO's handler.
//	  - Logs: to slog.Default(), or the *slog.Logger of [WithLogger].
//	  - TLS: [Config].TLS takes PEM files or a *tls.Config, AuthToken the secret that
//	    servers share.
//	  - Environment: [ConfigFromEnv] reads MESH_LISTEN, MESH_PEERS and one variable for
//	    every other field.
//	  - fx: [Module] starts and stops a mesh with its application.
//
// What an application gives to a mesh has one vocabulary. With… and Wrap… are options
// of [New]: With… sets a value, Wrap… is put around what is there. For fx, Use… sets
// a value, and Provide… takes a constructor, which gets what the application has.
//
// The interfaces of the parts (transport, codec, discovery) and of what can be
// wrapped are in package core. README.md and docs/ in the repository say more:
// architecture, semantics under failure, transports and TLS, writing parts, overriding.
package mesh
