//go:build linux

package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// network is a router with a cable to each host. Each is a network namespace, so that
// nothing of the machine's own network is touched.
type network struct {
	name  string
	hosts int

	dropped  map[[2]int]bool // one way, from and to
	reset    map[[2]int]bool // both ways
	lossy    int             // percent of all packets that are lost
	second   map[int]bool    // hosts that send from their second address
	narrowed map[int]bool    // hosts whose cable is slow
	delayed  bool            // all that is sent to mesh ports goes through the router's proxies
}

// need says what is missing on this machine for namespaces and faults; "" if nothing is.
func need() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	for _, program := range []string{"ip", "tc", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed (Debian: iproute2, nftables)"
		}
	}
	probe := fmt.Sprint("mesh-probe-", os.Getpid())
	if err := command("ip", "netns", "add", probe); err != nil {
		return err.Error()
	}
	defer command("ip", "netns", "del", probe)
	if err := command("ip", "netns", "exec", probe, "nft", "add table inet probe"); err != nil {
		return err.Error()
	}
	if err := command("ip", "netns", "exec", probe, "nft", "add table ip delay; add chain ip delay probe { type nat hook prerouting priority -100; }"); err != nil {
		return err.Error()
	}
	return ""
}

// newNetwork makes the namespaces of so many hosts.
func newNetwork(hosts int) (*network, error) {
	n := &network{
		name: fmt.Sprintf("mesh-%08x", rand.Uint32()), hosts: hosts,
		dropped: map[[2]int]bool{}, reset: map[[2]int]bool{}, second: map[int]bool{}, narrowed: map[int]bool{},
	}
	if err := n.build(); err != nil {
		n.remove()
		return nil, err
	}
	return n, nil
}

func (n *network) build() error {
	router := n.router()
	commands := []string{
		"ip netns add " + router,
		"ip -n " + router + " link set lo up",
		"ip netns exec " + router + " sysctl -qw net.ipv4.ip_forward=1",
	}
	for i := range n.hosts {
		host := n.space(i)
		commands = append(commands,
			"ip netns add "+host,
			"ip -n "+host+" link set lo up",
			fmt.Sprintf("ip -n %s link add c%d type veth peer name eth0 netns %s", router, i, host),
			fmt.Sprintf("ip -n %s addr add 10.77.%d.1/24 dev c%d", router, i, i),
			fmt.Sprintf("ip -n %s link set c%d up", router, i),
			fmt.Sprintf("ip -n %s addr add %s/24 dev eth0", host, ip(i)),
			fmt.Sprintf("ip -n %s addr add 10.77.%d.3/24 dev eth0", host, i),
			"ip -n "+host+" link set eth0 up",
			fmt.Sprintf("ip -n %s route add default via 10.77.%d.1 src %s", host, i, ip(i)),
		)
	}
	for _, c := range commands {
		if err := command(strings.Fields(c)...); err != nil {
			return err
		}
	}
	return n.apply()
}

// remove takes all namespaces away, and with them what they have.
func (n *network) remove() {
	for i := range n.hosts {
		command("ip", "netns", "del", n.space(i))
	}
	command("ip", "netns", "del", n.name+"-r")
}

func (n *network) router() string { return n.name + "-r" }

func (n *network) space(host int) string { return fmt.Sprintf("%s-%d", n.name, host) }

// ip is a host's address; its second one is the next.
func ip(host int) string { return fmt.Sprintf("10.77.%d.2", host) }

func both(host int) string { return fmt.Sprintf("{ 10.77.%d.2, 10.77.%d.3 }", host, host) }

// apply makes the router do what the fields say, in one step.
func (n *network) apply() error {
	var b strings.Builder
	b.WriteString("table inet chaos {}\ndelete table inet chaos\ntable inet chaos { chain forward { type filter hook forward priority 0; policy accept;\n")
	for _, pair := range ordered(n.dropped) {
		fmt.Fprintf(&b, "ip saddr %s ip daddr %s drop\n", both(pair[0]), both(pair[1]))
	}
	for _, pair := range ordered(n.reset) {
		for _, p := range [][2]int{pair, {pair[1], pair[0]}} {
			fmt.Fprintf(&b, "ip saddr %s ip daddr %s meta l4proto tcp reject with tcp reset\n", both(p[0]), both(p[1]))
			fmt.Fprintf(&b, "ip saddr %s ip daddr %s drop\n", both(p[0]), both(p[1]))
		}
	}
	if n.lossy > 0 {
		fmt.Fprintf(&b, "numgen random mod 100 < %d drop\n", n.lossy)
	}
	b.WriteString("}\n}\ntable ip delay {}\ndelete table ip delay\n")
	if n.delayed {
		b.WriteString("table ip delay { chain prerouting { type nat hook prerouting priority -100; policy accept;\n")
		for host := range n.hosts {
			fmt.Fprintf(&b, "ip daddr %s meta l4proto { tcp, udp } th dport %d redirect to :%d\n", ip(host), meshPort, proxyPort+host)
		}
		b.WriteString("}\n}\n")
	}
	cmd := exec.Command("ip", "netns", "exec", n.name+"-r", "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(b.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s\n%s", err, out, b.String())
	}
	return nil
}

func ordered(pairs map[[2]int]bool) [][2]int {
	return slices.SortedFunc(maps.Keys(pairs), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
}

// narrow lets so many bytes per second through to a host, and all if that is 0.
func (n *network) narrow(host, rate int) error {
	cable := fmt.Sprint("c", host)
	if n.narrowed[host] {
		delete(n.narrowed, host)
		if err := command("tc", "-n", n.name+"-r", "qdisc", "del", "dev", cable, "root"); err != nil {
			return err
		}
	}
	if rate == 0 {
		return nil
	}
	n.narrowed[host] = true
	return command("tc", "-n", n.name+"-r", "qdisc", "add", "dev", cable, "root", "tbf", "rate", fmt.Sprint(rate*8, "bit"), "burst", "16kb", "latency", "300ms")
}

// rebind makes a host send from its other address, as a network that gives it a new one
// does: what is not bound to an address goes on from there.
func (n *network) rebind(host int) error {
	n.second[host] = !n.second[host]
	last := 2
	if n.second[host] {
		last = 3
	}
	return command("ip", "-n", n.space(host), "route", "replace", "default", "via", fmt.Sprintf("10.77.%d.1", host), "src", fmt.Sprintf("10.77.%d.%d", host, last))
}

// heal ends all faults.
func (n *network) heal() error {
	clear(n.dropped)
	clear(n.reset)
	n.lossy, n.delayed = 0, false
	for host := range n.narrowed {
		if err := n.narrow(host, 0); err != nil {
			return err
		}
	}
	return n.apply()
}

func command(args ...string) error {
	var out bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}
