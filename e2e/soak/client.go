//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// manner is how a client comes and goes.
type manner int

const (
	leaves   manner = iota // says that it leaves
	hangsUp                // closes its WebSocket
	vanishes               // its connection is reset
	stalls                 // reads nothing, until the server has enough of it
	polls                  // begins to poll, and never asks again
	manners
)

// counts is how many clients came, by manner, and how many of these could not.
type counts struct {
	came   [manners]atomic.Int64
	failed atomic.Int64
}

// client is one connection's life.
type client struct {
	host      string
	namespace string
	room      string
	manner    manner
	stay      time.Duration
}

// live connects, stays, and goes. It returns early when ctx ends.
func (c *client) live(ctx context.Context, n *counts) {
	live := c.websocket
	if c.manner == polls {
		live = c.polling
	}
	if err := live(ctx); err != nil && ctx.Err() == nil {
		n.failed.Add(1)
		return
	}
	n.came[c.manner].Add(1)
}

// connectTimeout is generous: this machine may be busy.
const connectTimeout = 20 * time.Second

func (c *client) websocket(ctx context.Context) error {
	dialler := websocket.Dialer{HandshakeTimeout: connectTimeout}
	conn, _, err := dialler.DialContext(ctx, "ws://"+c.host+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	over := make(chan error, 1)
	go func() { over <- c.read(conn) }()
	stay := time.NewTimer(c.stay)
	defer stay.Stop()
	select {
	case err := <-over:
		return err
	case <-stay.C:
	case <-ctx.Done():
	}
	switch c.manner {
	case leaves:
		// The control frame's own method, for read may be answering a ping.
		conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	case vanishes:
		conn.NetConn().(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
	<-over
	return nil
}

// read connects to the namespace, joins, and answers pings until the connection ends. A
// client that stalls stops there; its socket fills and its pongs are missed.
func (c *client) read(conn *websocket.Conn) error {
	joined := false
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			if joined {
				return nil
			}
			return fmt.Errorf("before it had joined: %w", err)
		}
		reply := ""
		switch text := string(message); {
		case strings.HasPrefix(text, "0{"):
			reply = "40" + c.prefix()
		case strings.HasPrefix(text, "40"):
			joined = true
			reply = "42" + c.prefix() + `["join","` + c.room + `"]`
		case text == "2" && c.manner != stalls:
			reply = "3"
		}
		if reply == "" {
			continue
		}
		if err := conn.WriteMessage(websocket.TextMessage, []byte(reply)); err != nil && !joined {
			return err
		}
	}
}

// prefix is the namespace, as packets name it.
func (c *client) prefix() string {
	if c.namespace == "/" {
		return ""
	}
	return c.namespace + ","
}

// polling makes the requests of a client that polls, up to its first connection.
func (c *client) polling(ctx context.Context) error {
	web := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: connectTimeout}
	url := "http://" + c.host + "/socket.io/?EIO=4&transport=polling"
	text, err := ask(ctx, &web, http.MethodGet, url, "")
	if err != nil {
		return err
	}
	_, rest, ok := strings.Cut(text, `"sid":"`)
	sid, _, end := strings.Cut(rest, `"`)
	if !ok || !end {
		return fmt.Errorf("no session in %q", text)
	}
	_, err = ask(ctx, &web, http.MethodPost, url+"&sid="+sid, "40"+c.prefix())
	return err
}

// ask makes one request.
func ask(ctx context.Context, web *http.Client, method, url, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := web.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return string(text), err
}
