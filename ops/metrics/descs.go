package metrics

import "github.com/prometheus/client_golang/prometheus"

// desc describes a metric.
type desc struct {
	*prometheus.Desc
	kind prometheus.ValueType
}

// descs are metrics that belong together.
type descs []*desc

func (all *descs) add(kind prometheus.ValueType, name, help string, labels ...string) *desc {
	d := &desc{prometheus.NewDesc("socketio_mesh_"+name, help, labels, nil), kind}
	*all = append(*all, d)
	return d
}

func (all *descs) counter(name, help string, labels ...string) *desc {
	return all.add(prometheus.CounterValue, name, help, labels...)
}

func (all *descs) gauge(name, help string, labels ...string) *desc {
	return all.add(prometheus.GaugeValue, name, help, labels...)
}

// Metrics of a node. The first ones exist in the reference, too.
var (
	nodeDescs descs

	peersConnected   = nodeDescs.gauge("peers_connected", "Servers that this one has a link to.")
	peersExpected    = nodeDescs.gauge("peers_expected", "Other servers that discovery lists.")
	messagesSent     = nodeDescs.counter("messages_sent_total", "Messages sent to other servers, each counted once, however many servers it went to.", "type")
	messagesReceived = nodeDescs.counter("messages_received_total", "Messages received from other servers.", "type")
	messageBytes     = nodeDescs.gauge("message_bytes", "Size of messages between servers.", "direction")
	requestDuration  = nodeDescs.gauge("request_duration_seconds", "How long requests of this server to all others took.", "kind")
	peerDrops        = nodeDescs.counter("peer_drops_total", "Servers whose last link has ended.", "reason")
	namespacesOpen   = nodeDescs.gauge("namespaces", "Namespaces that are open on this server.")
	ioClients        = nodeDescs.gauge("io_clients", "Socket.IO sockets that are connected to this server, in all namespaces.")

	buildInfo          = nodeDescs.gauge("build_info", "Always 1; the version of the mesh and of Go.", "version", "goversion")
	certificateExpiry  = nodeDescs.gauge("certificate_expiry_timestamp_seconds", "When the certificate ends that this server shows to others.")
	rosterHeard        = nodeDescs.gauge("roster_heard", "1 if discovery has told who the servers are, 0 if it never has.")
	endpointUp         = nodeDescs.gauge("discovery_endpoint_up", "1 if what discovery asks answers: a replica of the service, a name in DNS.", "endpoint")
	endpointSince      = nodeDescs.gauge("discovery_endpoint_since_timestamp_seconds", "Since when it answers, or does not.", "endpoint")
	endpointServers    = nodeDescs.gauge("discovery_endpoint_servers", "Servers that it lists.", "endpoint")
	rosterRefused      = nodeDescs.counter("roster_refused_total", "Entries of rosters that were not dialled, each time that a roster had them.", "reason")
	connectionsRefused = nodeDescs.counter("connections_refused_total", "Connections between servers that did not become links.", "reason")
	messagesDropped    = nodeDescs.counter("messages_dropped_total", "Messages that did not go to one of the servers they were for.", "reason")
	messagesIgnored    = nodeDescs.counter("messages_ignored_total", "Messages of other servers that were not taken.", "reason")
	messagesLost       = nodeDescs.counter("messages_lost_total", "Messages of other servers that never came, and will not.")
	messagesLostOut    = nodeDescs.counter("messages_lost_out_total", "Messages that never came to a server that was linked before and after, and will not.")
	messagesReplayed   = nodeDescs.counter("messages_replayed_total", "Messages that were sent again after a link had broken.")
	linksResumed       = nodeDescs.counter("links_resumed_total", "Links that went on where an earlier one had broken.")
	peersSuspended     = nodeDescs.gauge("peers_suspended", "Servers whose link has broken and may still resume.")
	requestsIncomplete = nodeDescs.counter("requests_incomplete_total", "Requests that ended without the answers of all servers.")
	queueLimit         = nodeDescs.gauge("peer_queue_limit_bytes", "Memory that messages for one server may take; one for which more waits is cut.")

	peerInfo             = nodeDescs.gauge("peer_info", "Always 1; a server that this one has a link to.", "peer", "address", "codec", "protocol", "reference")
	peerRoundTrip        = nodeDescs.gauge("peer_round_trip_seconds", "How long a server takes to answer a ping, smoothed.", "peer")
	peerLastRoundTrip    = nodeDescs.gauge("peer_last_round_trip_seconds", "How long a server took to answer the last ping.", "peer")
	peerLinkStart        = nodeDescs.gauge("peer_link_start_time_seconds", "When the link to a server came up.", "peer")
	peerReconnects       = nodeDescs.counter("peer_reconnects_total", "Times that a server was lost and came back.", "peer")
	peerUnackedBytes     = nodeDescs.gauge("peer_unacknowledged_bytes", "Memory of messages that were sent to a server and that it has not confirmed.", "peer")
	peerQueueMessages    = nodeDescs.gauge("peer_queue_messages", "Messages that wait for a server.", "peer")
	peerQueueBytes       = nodeDescs.gauge("peer_queue_bytes", "Memory of messages that wait for a server.", "peer")
	peerSentMessages     = nodeDescs.counter("peer_sent_messages_total", "Messages written to a server since it came.", "peer")
	peerSentBytes        = nodeDescs.counter("peer_sent_bytes_total", "Bytes of messages written to a server since it came.", "peer")
	peerReceivedMessages = nodeDescs.counter("peer_received_messages_total", "Messages received from a server since it came.", "peer")
	peerReceivedBytes    = nodeDescs.counter("peer_received_bytes_total", "Bytes of messages received from a server since it came.", "peer")

	roomsOccupied        = nodeDescs.gauge("rooms", "Rooms with members on this server, without those that sockets have for themselves.")
	clientsConnected     = nodeDescs.gauge("clients", "Clients that are connected to this server, whatever namespaces they have joined.", "transport")
	clientConnections    = nodeDescs.counter("client_connections_total", "Clients that have connected.")
	clientDisconnections = nodeDescs.counter("client_disconnections_total", "Clients that have gone.")
	clientPackets        = nodeDescs.counter("client_packets_received_total", "Events and acknowledgements of clients.")
	clientFrames         = nodeDescs.counter("client_frames_sent_total", "Frames written to WebSocket clients: events, and what else there is.")
	clientBytes          = nodeDescs.counter("client_sent_bytes_total", "Bytes written to WebSocket clients.")
	clientQueueBytes     = nodeDescs.gauge("client_queue_bytes", "Memory of what waits for clients that are behind.")
	clientQueueLimit     = nodeDescs.gauge("client_queue_limit_bytes", "Memory that it may take; if more waits, clients with the longest queues are cut.")
	clientsCut           = nodeDescs.counter("clients_cut_total", "Clients that were disconnected because they were too slow.", "reason")
	clientDropped        = nodeDescs.counter("client_events_dropped_total", "Volatile events that clients which were behind did not get.")
	clientBlocked        = nodeDescs.counter("client_writes_blocked_total", "Times that a client did not take everything at once.")
	clientsHeld          = nodeDescs.gauge("clients_held_back", "Clients that are not read from, because they are ahead of their handlers.")
	clientHolds          = nodeDescs.counter("client_holds_total", "Times that a client was held back.")
	clientsConnecting    = nodeDescs.gauge("clients_connecting", "Clients that are being let in.")
	clientsWaiting       = nodeDescs.gauge("clients_waiting", "Clients that wait to be let in.")
	clientWaits          = nodeDescs.counter("client_waits_total", "Clients that were let in and had to wait for that.")
	clientWaitTime       = nodeDescs.counter("client_wait_seconds_total", "How long clients have waited to be let in, all together.")
	clientsRefused       = nodeDescs.counter("clients_refused_total", "Clients that were answered with 503, because too many connected at once.")
)

// Metrics of a discovery service. The first four exist in the reference, too.
var (
	discoveryDescs descs

	serversRegistered = discoveryDescs.gauge("discovery_servers_registered", "Servers that are registered with the discovery service.")
	registrations     = discoveryDescs.counter("discovery_registrations_total", "Registrations that were taken.")
	disconnects       = discoveryDescs.counter("discovery_disconnects_total", "Registered servers whose connection has ended.")
	rosterBroadcasts  = discoveryDescs.counter("discovery_roster_broadcasts_total", "Rosters of which all servers were told.")
	rosterBytes       = discoveryDescs.counter("discovery_sent_bytes_total", "Bytes of rosters and changes that were sent to servers.")
	sharedAddresses   = discoveryDescs.counter("discovery_notices_total", "Servers that were told that another one has the same address.")

	pendingConnections = discoveryDescs.gauge("discovery_pending_connections", "Connections that are not registered.")
	discoveryRefused   = discoveryDescs.counter("discovery_refused_total", "Connections and messages that were not taken.", "reason")
	discoveryBuildInfo = discoveryDescs.gauge("discovery_build_info", "Always 1; the version of the mesh and of Go.", "version", "goversion")
)
