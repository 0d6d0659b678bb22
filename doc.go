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
//	  - One port for clients and peers: set Listen to [ListenHandler], and mount
//	    [Mesh.Handler] beside Socket.IO's handler.
//	  - Logs: they go to slog.Default(), or to the *slog.Logger of [WithLogger].
//	  - Security: [Config].TLS takes PEM files or a *tls.Config, and AuthToken is the
//	    secret that servers share.
//	  - Environment: [ConfigFromEnv] reads MESH_LISTEN, MESH_PEERS and one variable for
//	    every other field.
//	  - fx: [Module] starts and stops a mesh with its application.
//
// Names of options say what they do. With… and Wrap… are options of [New]: With… sets a
// value, and Wrap… wraps what is there. For fx, Use… sets a value, and Provide… takes a
// constructor, whose parameters come from the application.
//
// Package core has the interfaces of the parts (transport, codec, discovery) and of the
// adapters and hosts that you can wrap. README.md and docs/ in the repository say more
// about architecture, semantics under failure, transports and TLS, writing parts, and
// overriding.
package mesh
