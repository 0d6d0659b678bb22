package main

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/gossip"
	"github.com/socketmesh/mesh/internal/commas"
)

// gossipName is a kind of discovery that mesh.Config does not know, so that only programs
// that use it contain its library.
const gossipName = "gossip"

// gossipFlags say how a server gossips.
type gossipFlags struct {
	listen, advertise, seeds, label *string
	flags                           []cli.Flag
}

func declareGossip(f *flags) gossipFlags {
	before := len(f.list)
	g := gossipFlags{
		listen:    f.text("gossip-listen", gossip.DefaultListen, "where it gossips, with --discovery gossip", "MESH_GOSSIP_LISTEN"),
		advertise: f.text("gossip-advertise", "", "ip:port at which others reach that (default: a private address of this machine)", "MESH_GOSSIP_ADVERTISE"),
		seeds:     f.text("gossip-seeds", "", "where some of the others gossip, as a:7946,b:7946", "MESH_GOSSIP_SEEDS"),
		label:     f.text("gossip-label", "", "name of the mesh, where several share a network", "MESH_GOSSIP_LABEL"),
	}
	g.flags = f.list[before:]
	return g
}

// unused returns an error if a flag says how to gossip, and the server does not: it would look for
// the discovery service instead. Variables may be there for other servers, too.
func (g gossipFlags) unused() error {
	for i, value := range []*string{g.listen, g.advertise, g.seeds, g.label} {
		name := g.flags[i].Names()[0]
		_, variable := variable("MESH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))).Lookup()
		if g.flags[i].IsSet() && !variable {
			return usageError("--"+name, *value, "--discovery gossip beside it")
		}
	}
	return nil
}

// discovery makes a server's discovery. Gossip is encrypted with the tokens.
func (g gossipFlags) discovery(tokens tokenFlags, log *slog.Logger) (core.Discovery, error) {
	o := gossip.Options{Listen: *g.listen, Advertise: *g.advertise, Seeds: commas.Split(*g.seeds), Label: *g.label, Logger: log}
	accepted, err := tokens.accepted(log)
	if err != nil {
		return nil, err
	}
	if accepted != nil {
		for _, token := range accepted() {
			o.Keys = append(o.Keys, gossip.Key(token))
		}
	}
	if err := o.Validate(); err != nil {
		if bad, ok := errors.AsType[*core.ConfigError](err); ok {
			return nil, usageError("--gossip-"+strings.ToLower(bad.Field), bad.Value, bad.Allowed)
		}
		return nil, err
	}
	return gossip.New(o), nil
}
