package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/socketmesh/mesh/bench/server"
)

// trafficTime is the longest time for a server to report its traffic.
const trafficTime = 5 * time.Second

// traffic returns the sum of what servers of a mesh have sent to each other; zero if one
// does not report it.
func (c *Cluster) traffic(ctx context.Context) server.Traffic {
	var all server.Traffic
	if c.discovery == nil {
		return all
	}
	ctx, cancel := context.WithTimeout(ctx, trafficTime)
	defer cancel()
	for _, url := range c.URLs {
		one, err := trafficOf(ctx, url)
		if err != nil {
			return server.Traffic{}
		}
		all.Messages += one.Messages
		all.Bytes += one.Bytes
	}
	return all
}

func trafficOf(ctx context.Context, url string) (t server.Traffic, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+server.TrafficPath, nil)
	if err != nil {
		return t, err
	}
	request.Close = true // connections that stay open would count in the measurement
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return t, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return t, fmt.Errorf("%s: %s", url, response.Status)
	}
	return t, json.NewDecoder(response.Body).Decode(&t)
}
